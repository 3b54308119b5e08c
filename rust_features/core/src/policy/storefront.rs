//! Settings of one storefront: the company's, overridden field by field.

use chrono_tz::Tz;
use smallvec::SmallVec;

use super::quiet::{Period, first_loud};
use super::rules::PolicyFault;
use super::zones::unknown_zone;
use crate::contract::{Channel, StorefrontPolicy};
use crate::time::Micros;

const MICROS: f64 = 1e6;
const WHOLE_BASIS_POINTS: u32 = 10_000;

// What only the engine reads may have a default; what dispatcher or audit read as well has to be stated.
const DEFAULT_STALE_AFTER_SECONDS: u32 = 3600;
const DEFAULT_LATEST_TOUCH_SECONDS: u32 = 3 * 86_400;

/// Everything that decisions read of a storefront, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Storefront {
    /// The one currency of its decisions.
    pub currency: String,
    /// Where its recipients are taken to be when nothing else is known.
    pub time_zone: Tz,
    /// T: no activity for so long is an abandonment.
    pub abandonment_seconds: u32,
    /// A deadline passed by more than this expires undecided.
    pub stale_after_seconds: u32,
    /// How long an order counts for a decision.
    pub attribution_window_seconds: u32,
    /// Share of customers never contacted.
    pub holdout_basis_points: u32,
    /// Touches of one abandonment.
    pub max_touches: u32,
    /// From the end of one touch to the next.
    pub touch_gap_seconds: u32,
    /// No touch later than this after the abandonment.
    pub latest_touch_seconds: u32,
    /// Margin as a share of price where the cost is unknown, in [0, 1].
    pub margin_share: f64,
    /// Probability of a return, in [0, 1].
    pub return_probability: f64,
    quiet: Vec<Period>,
    costs: SmallVec<[(Channel, f64); 5]>,
}

impl Storefront {
    /// Resolves a storefront's fields over the company's; a list that is set replaces the company's.
    ///
    /// # Errors
    /// Names the field that is missing or out of range.
    pub fn resolve(company: &StorefrontPolicy, own: &StorefrontPolicy) -> Result<Self, PolicyFault> {
        let id = &own.storefront_id;
        let fault = |field: &'static str| PolicyFault::Setting {
            storefront: id.clone(),
            field,
        };
        let text = |field: fn(&StorefrontPolicy) -> &String| {
            [own, company].into_iter().map(field).find(|text| !text.is_empty())
        };
        let number = |field: fn(&StorefrontPolicy) -> Option<u32>| field(own).or_else(|| field(company));
        let share = |field: fn(&StorefrontPolicy) -> Option<u32>, name| match number(field) {
            Some(points) if points > WHOLE_BASIS_POINTS => Err(fault(name)),
            points => Ok(points),
        };
        let currency = text(|policy| &policy.currency_code).ok_or_else(|| fault("currency_code"))?;
        let zone = text(|policy| &policy.time_zone).and_then(|name| name.parse().ok());
        let margin = share(|policy| policy.margin_basis_points, "margin_basis_points")?;
        let returns = share(|policy| policy.return_basis_points, "return_basis_points")?;
        let holdout = share(|policy| policy.holdout_basis_points, "holdout_basis_points")?;
        let positive = |field: fn(&StorefrontPolicy) -> Option<u32>, name| match number(field) {
            None | Some(0) => Err(fault(name)),
            Some(value) => Ok(value),
        };
        let settings = |field: fn(&StorefrontPolicy) -> bool| if field(own) { own } else { company };
        Ok(Self {
            currency: currency.clone(),
            time_zone: zone.ok_or_else(|| fault("time_zone"))?,
            abandonment_seconds: positive(|policy| policy.abandonment_seconds, "abandonment_seconds")?,
            stale_after_seconds: number(|policy| policy.stale_after_seconds).unwrap_or(DEFAULT_STALE_AFTER_SECONDS),
            attribution_window_seconds: positive(
                |policy| policy.attribution_window_seconds,
                "attribution_window_seconds",
            )?,
            holdout_basis_points: holdout.ok_or_else(|| fault("holdout_basis_points"))?,
            max_touches: positive(|policy| policy.max_touches, "max_touches")?,
            touch_gap_seconds: positive(|policy| policy.touch_gap_seconds, "touch_gap_seconds")?,
            latest_touch_seconds: number(|policy| policy.latest_touch_seconds).unwrap_or(DEFAULT_LATEST_TOUCH_SECONDS),
            margin_share: points_share(margin.ok_or_else(|| fault("margin_basis_points"))?),
            return_probability: points_share(returns.ok_or_else(|| fault("return_basis_points"))?),
            quiet: settings(|policy| !policy.quiet_hours.is_empty())
                .quiet_hours
                .iter()
                .map(|hours| Period::read(hours).ok_or_else(|| fault("quiet_hours")))
                .collect::<Result<_, _>>()?,
            costs: channel_costs(settings(|policy| !policy.channel_costs.is_empty()))
                .ok_or_else(|| fault("channel_costs"))?,
        })
    }

    /// Minor units that one message of the channel costs by the policy.
    #[must_use]
    pub fn contact_cost_minor(&self, channel: Channel) -> f64 {
        let cost = self.costs.iter().find(|(known, _)| *known == channel);
        cost.map_or(0.0, |(_, cost)| *cost)
    }

    /// The first moment from `time` on when the channel may send to a recipient whose zones may be `known`; `None`
    /// where quiet hours leave none.
    #[must_use]
    pub fn first_loud(&self, channel: Channel, time: Micros, known: &[Tz]) -> Option<Micros> {
        if self.quiet.iter().all(|period| period.channel != channel) {
            Some(time)
        } else if known.is_empty() {
            first_loud(&self.quiet, channel, time, &unknown_zone(self.time_zone))
        } else {
            first_loud(&self.quiet, channel, time, known)
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn channel_costs(policy: &StorefrontPolicy) -> Option<SmallVec<[(Channel, f64); 5]>> {
    policy
        .channel_costs
        .iter()
        .map(|cost| {
            let cost_minor = cost.cost_micros_minor as f64 / MICROS;
            (cost.cost_micros_minor >= 0).then_some((cost.channel(), cost_minor))
        })
        .collect()
}

fn points_share(points: u32) -> f64 {
    f64::from(points) / f64::from(WHOLE_BASIS_POINTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ChannelCost, QuietHours};

    fn company() -> StorefrontPolicy {
        StorefrontPolicy {
            currency_code: "EUR".into(),
            time_zone: "Europe/Berlin".into(),
            abandonment_seconds: Some(1800),
            attribution_window_seconds: Some(259_200),
            holdout_basis_points: Some(1000),
            max_touches: Some(1),
            touch_gap_seconds: Some(86_400),
            margin_basis_points: Some(3000),
            return_basis_points: Some(0),
            ..Default::default()
        }
    }

    #[test]
    fn a_storefront_overrides_only_what_it_sets() {
        let own = StorefrontPolicy {
            currency_code: "CHF".into(),
            max_touches: Some(3),
            ..Default::default()
        };
        let resolved = Storefront::resolve(&company(), &own).unwrap();
        assert_eq!(resolved.currency, "CHF");
        assert_eq!((resolved.max_touches, resolved.abandonment_seconds), (3, 1800));
        assert_eq!(resolved.time_zone, Tz::Europe__Berlin);
    }

    #[test]
    fn what_others_read_too_has_to_be_stated() {
        type Unset = fn(&mut StorefrontPolicy);
        let fields: [(Unset, &str); 5] = [
            (|policy| policy.return_basis_points = None, "return_basis_points"),
            (
                |policy| policy.attribution_window_seconds = None,
                "attribution_window_seconds",
            ),
            (|policy| policy.holdout_basis_points = None, "holdout_basis_points"),
            (|policy| policy.max_touches = None, "max_touches"),
            (|policy| policy.touch_gap_seconds = None, "touch_gap_seconds"),
        ];
        for (unset, name) in fields {
            let mut policy = company();
            unset(&mut policy);
            let fault = Storefront::resolve(&policy, &StorefrontPolicy::default()).unwrap_err();
            assert!(matches!(fault, PolicyFault::Setting { field, .. } if field == name));
        }
    }

    #[test]
    fn a_share_above_the_whole_is_a_fault_of_its_field() {
        let own = StorefrontPolicy {
            holdout_basis_points: Some(10_001),
            ..Default::default()
        };
        let fault = Storefront::resolve(&company(), &own).unwrap_err();
        assert!(matches!(
            fault,
            PolicyFault::Setting {
                field: "holdout_basis_points",
                ..
            }
        ));
    }

    #[test]
    fn only_channels_with_quiet_hours_wait() {
        let quiet = QuietHours {
            channel: Channel::Sms.into(),
            start_minute: 0,
            end_minute: 60,
            weekdays: Vec::new(),
        };
        let cost = ChannelCost {
            channel: Channel::Sms.into(),
            cost_micros_minor: 6_500_000,
        };
        let own = StorefrontPolicy {
            quiet_hours: vec![quiet],
            channel_costs: vec![cost],
            ..Default::default()
        };
        let resolved = Storefront::resolve(&company(), &own).unwrap();
        assert_eq!(
            resolved.first_loud(Channel::Email, Micros(0), &[Tz::UTC]),
            Some(Micros(0))
        );
        let hour = Some(Micros(3_600_000_000));
        assert_eq!(resolved.first_loud(Channel::Sms, Micros(0), &[Tz::UTC]), hour);
        assert_eq!(resolved.contact_cost_minor(Channel::Sms).to_bits(), 6.5_f64.to_bits());
    }
}
