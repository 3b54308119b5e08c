//! A small sound policy for tests.

use crate::contract::{
    ActionTemplate, Channel, ChannelCost, Exploration, FrequencyCap, Money, Offer, Policy, PolicyBudgetPrice,
    QuietHours, StorefrontPolicy, offer,
};

/// Two channels, an offer, a cap, quiet nights for SMS and one storefront of its own.
pub(crate) fn policy() -> Policy {
    Policy {
        version: "test".into(),
        actions: vec![
            action("email_reminder", Channel::Email, "", 3600),
            action("email_ten_percent", Channel::Email, "ten_percent", 86_400),
            ActionTemplate {
                last_touch: 1,
                ..action("sms_reminder", Channel::Sms, "", 3600)
            },
        ],
        offers: vec![ten_percent()],
        company: Some(company()),
        storefronts: vec![StorefrontPolicy {
            storefront_id: "swiss".into(),
            currency_code: "CHF".into(),
            time_zone: "Europe/Zurich".into(),
            ..Default::default()
        }],
        frequency_caps: vec![FrequencyCap {
            rule_id: "all_week".into(),
            channel: Channel::Unspecified.into(),
            max_sends: 2,
            window_seconds: 7 * 86_400,
        }],
        exploration: Some(Exploration {
            shortlist_size: 3,
            probability_floor: 0.05,
            gap_weight: 0.01,
        }),
        budget_prices: vec![PolicyBudgetPrice {
            budget_id: "discount".into(),
            price: 0.1,
        }],
    }
}

fn action(action_id: &str, channel: Channel, offer_id: &str, delay_seconds: u32) -> ActionTemplate {
    ActionTemplate {
        action_id: action_id.into(),
        channel: channel.into(),
        offer_id: offer_id.into(),
        delay_seconds,
        template_key: "reminder".into(),
        first_touch: 0,
        last_touch: 0,
    }
}

fn ten_percent() -> Offer {
    Offer {
        offer_id: "ten_percent".into(),
        label: "10 % off".into(),
        terms: Some(offer::Terms::PercentBasisPoints(1000)),
        code: Some(offer::Code::DerivedCodePrefix("CR".into())),
        valid_seconds: 3 * 86_400,
        minimum_cart_value: Some(Money {
            minor_units: 2000,
            currency_code: "EUR".into(),
        }),
        customer_cap: 1,
        customer_cap_window_seconds: 30 * 86_400,
        ..Default::default()
    }
}

fn company() -> StorefrontPolicy {
    StorefrontPolicy {
        currency_code: "EUR".into(),
        time_zone: "Europe/Berlin".into(),
        abandonment_seconds: Some(1800),
        holdout_basis_points: Some(1000),
        max_touches: Some(3),
        touch_gap_seconds: Some(86_400),
        attribution_window_seconds: Some(259_200),
        margin_basis_points: Some(4000),
        return_basis_points: Some(500),
        quiet_hours: vec![QuietHours {
            channel: Channel::Sms.into(),
            start_minute: 22 * 60,
            end_minute: 8 * 60,
            weekdays: Vec::new(),
        }],
        channel_costs: vec![
            ChannelCost {
                channel: Channel::Email.into(),
                cost_micros_minor: 100_000,
            },
            ChannelCost {
                channel: Channel::Sms.into(),
                cost_micros_minor: 7_000_000,
            },
        ],
        ..Default::default()
    }
}
