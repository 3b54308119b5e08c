//! Offers: what each takes off a cart, and when it may be made.

use crate::contract::{self, Reason, offer};
use crate::state::RECENT_OFFERS;
use crate::time::Micros;

const WHOLE_BASIS_POINTS: i128 = 10_000;

/// What an offer takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// A share of the cart's value, in basis points.
    Percent(u32),
    /// An amount of one currency.
    Amount(Amount),
    /// The shipping; worth the amount where the cart does not say its shipping.
    FreeShipping(Amount),
}

/// Minor units of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    minor: i64,
    currency: String,
}

/// How the shopper redeems an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// Nothing to enter: the offer holds by itself.
    None,
    /// One code for everybody.
    Static(String),
    /// The prefix of codes derived from the decision.
    Derived(String),
}

/// At most so many issues to a customer within a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferCap {
    /// Issues allowed.
    pub issues: u32,
    /// Length of the window.
    pub window_seconds: u32,
}

/// An offer of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its id in the policy.
    pub id: String,
    /// What it takes off.
    pub terms: Terms,
    /// The words a person reads.
    pub label: String,
    /// How it is redeemed.
    pub code: Code,
    /// How long it holds from the send.
    pub valid_seconds: u32,
    /// Cap per customer, if any.
    pub cap: Option<OfferCap>,
    minimum: Option<Amount>,
    from: Option<Micros>,
    until: Option<Micros>,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// The field that is missing or out of range.
    pub fn read(offer: &contract::Offer) -> Result<Self, &'static str> {
        let amount = |field, money| Amount::read(money).ok_or(field);
        let terms = match offer.terms.as_ref().ok_or("terms")? {
            offer::Terms::PercentBasisPoints(points) if (1..=10_000).contains(points) => Terms::Percent(*points),
            offer::Terms::PercentBasisPoints(_) => return Err("percent_basis_points"),
            offer::Terms::Amount(money) => Terms::Amount(amount("amount", money)?),
            offer::Terms::FreeShipping(money) => Terms::FreeShipping(amount("free_shipping", money)?),
        };
        let minimum = offer.minimum_cart_value.as_ref();
        let minimum = minimum.map(|money| amount("minimum_cart_value", money)).transpose()?;
        if offer.valid_seconds == 0 {
            return Err("valid_seconds");
        }
        Ok(Self {
            id: offer.offer_id.clone(),
            terms,
            label: offer.label.clone(),
            code: match &offer.code {
                None => Code::None,
                Some(offer::Code::StaticCode(code)) => Code::Static(code.clone()),
                Some(offer::Code::DerivedCodePrefix(prefix)) => Code::Derived(prefix.clone()),
            },
            valid_seconds: offer.valid_seconds,
            cap: read_cap(offer)?,
            minimum,
            from: offer.effective_from.as_ref().map(Micros::from_timestamp),
            until: offer.effective_until.as_ref().map(Micros::from_timestamp),
        })
    }

    /// What it takes off a cart of this value and shipping, minor units of the cart's currency; never more than
    /// the cart is worth.
    #[must_use]
    pub fn discount_minor(&self, cart_value_minor: i64, shipping_minor: Option<i64>) -> i64 {
        let value = cart_value_minor.max(0);
        match &self.terms {
            Terms::Percent(points) => {
                let share = i128::from(value) * i128::from(*points) / WHOLE_BASIS_POINTS;
                i64::try_from(share).unwrap_or(value)
            }
            Terms::Amount(amount) => amount.minor.min(value),
            Terms::FreeShipping(amount) => shipping_minor.unwrap_or(amount.minor).max(0),
        }
    }

    /// Whether it takes the shipping off.
    #[must_use]
    pub fn is_free_shipping(&self) -> bool {
        matches!(self.terms, Terms::FreeShipping(_))
    }

    /// Whether it may be made for a cart of this value and currency at a time.
    #[must_use]
    pub fn rejection(&self, cart_value_minor: i64, currency: &str, time: Micros) -> Option<Reason> {
        let amounts = match &self.terms {
            Terms::Percent(_) => None,
            Terms::Amount(amount) | Terms::FreeShipping(amount) => Some(amount),
        };
        if amounts
            .into_iter()
            .chain(&self.minimum)
            .any(|amount| amount.currency != currency)
        {
            Some(Reason::OfferCurrencyDiffers)
        } else if self
            .minimum
            .as_ref()
            .is_some_and(|minimum| cart_value_minor < minimum.minor)
        {
            Some(Reason::OfferBelowMinimum)
        } else if self.holds_at(time) {
            None
        } else {
            Some(Reason::OfferExpired)
        }
    }

    /// Whether the time lies in the offer's period.
    #[must_use]
    pub fn holds_at(&self, time: Micros) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time < until)
    }

    /// When an offer sent at a time ends: after its validity, no later than its period.
    #[must_use]
    pub fn expiry(&self, send: Micros) -> Micros {
        let end = send.plus_seconds(self.valid_seconds);
        self.until.map_or(end, |until| end.min(until))
    }
}

impl Amount {
    fn read(money: &contract::Money) -> Option<Self> {
        let currency = money.currency_code.clone();
        (money.minor_units >= 0 && currency.len() == 3).then_some(Self {
            minor: money.minor_units,
            currency,
        })
    }
}

fn read_cap(offer: &contract::Offer) -> Result<Option<OfferCap>, &'static str> {
    if offer.customer_cap == 0 {
        return Ok(None);
    }
    if offer.customer_cap_window_seconds == 0 {
        return Err("customer_cap_window_seconds");
    }
    // More than the state remembers would never be reached.
    if offer.customer_cap as usize > RECENT_OFFERS {
        return Err("customer_cap");
    }
    Ok(Some(OfferCap {
        issues: offer.customer_cap,
        window_seconds: offer.customer_cap_window_seconds,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn euros(minor_units: i64) -> contract::Money {
        contract::Money {
            minor_units,
            currency_code: "EUR".into(),
        }
    }

    fn offer(terms: offer::Terms) -> contract::Offer {
        contract::Offer {
            terms: Some(terms),
            valid_seconds: 3600,
            ..Default::default()
        }
    }

    #[test]
    fn a_percentage_is_cut_to_whole_minor_units() {
        let offer = Offer::read(&offer(offer::Terms::PercentBasisPoints(1000))).unwrap();
        assert_eq!(offer.discount_minor(1999, None), 199);
    }

    #[test]
    fn free_shipping_is_worth_the_shipping_or_else_the_amount() {
        let offer = Offer::read(&offer(offer::Terms::FreeShipping(euros(490)))).unwrap();
        assert_eq!(offer.discount_minor(100, Some(290)), 290);
        assert_eq!(offer.discount_minor(100, None), 490);
    }

    #[test]
    fn minimum_currency_and_period_are_told_apart() {
        let offer = Offer::read(&contract::Offer {
            minimum_cart_value: Some(euros(5000)),
            effective_until: Some(Micros(10).to_timestamp()),
            ..offer(offer::Terms::Amount(euros(500)))
        })
        .unwrap();
        assert_eq!(offer.rejection(5000, "EUR", Micros(9)), None);
        assert_eq!(offer.rejection(4999, "EUR", Micros(9)), Some(Reason::OfferBelowMinimum));
        assert_eq!(
            offer.rejection(5000, "USD", Micros(9)),
            Some(Reason::OfferCurrencyDiffers)
        );
        assert_eq!(offer.rejection(5000, "EUR", Micros(10)), Some(Reason::OfferExpired));
        assert_eq!(offer.expiry(Micros(5)), Micros(10));
    }

    proptest! {
        #[test]
        fn an_amount_or_percentage_never_exceeds_the_cart(
            value in 0_i64..=i64::MAX, points in 1_u32..=10_000, amount in 0_i64..=i64::MAX,
        ) {
            for terms in [offer::Terms::PercentBasisPoints(points), offer::Terms::Amount(euros(amount))] {
                let discount = Offer::read(&offer(terms)).unwrap().discount_minor(value, None);
                prop_assert!((0..=value).contains(&discount));
            }
        }
    }
}
