//! Budget prices (λ): the added cost per minor unit spent of a budget. The budgets are "discount" and one per
//! message channel.

use crate::channel::{MESSAGE_CHANNELS, channel_name};
use crate::contract::Channel;

/// The budget that discounts draw on.
const DISCOUNT: &str = "discount";

/// One price per budget; a budget without a price costs nothing extra.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetPrices {
    discount: f64,
    channels: [f64; MESSAGE_CHANNELS.len()],
}

impl BudgetPrices {
    /// Reads prices by budget id, in order; a negative or non-finite price counts as 0. The second value is the
    /// first id that names no budget.
    #[must_use]
    pub fn read<'a>(prices: impl IntoIterator<Item = (&'a str, f64)>) -> (Self, Option<&'a str>) {
        let mut read = Self::default();
        let mut unknown = None;
        for (budget, price) in prices {
            let price = if price.is_finite() { price.max(0.0) } else { 0.0 };
            let channel = MESSAGE_CHANNELS
                .iter()
                .position(|&channel| channel_name(channel) == budget);
            if budget == DISCOUNT {
                read.discount = price;
            } else if let Some(slot) = channel.and_then(|index| read.channels.get_mut(index)) {
                *slot = price;
            } else {
                unknown = unknown.or(Some(budget));
            }
        }
        (read, unknown)
    }

    /// What an action's use of its budgets adds to its cost, minor units.
    #[must_use]
    pub fn cost(&self, channel: Channel, contact_minor: f64, expected_discount_minor: f64) -> f64 {
        let index = MESSAGE_CHANNELS.iter().position(|&known| known == channel);
        let price = index
            .and_then(|index| self.channels.get(index))
            .copied()
            .unwrap_or_default();
        self.discount * expected_discount_minor + price * contact_minor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_budget_charges_its_own_spending() {
        let (prices, unknown) = BudgetPrices::read([("discount", 0.5), ("sms", 2.0)]);
        assert_eq!(unknown, None);
        assert_eq!(prices.cost(Channel::Sms, 10.0, 100.0).to_bits(), 70.0_f64.to_bits());
        assert_eq!(prices.cost(Channel::Email, 10.0, 0.0).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_budget_that_does_not_exist_is_named() {
        assert_eq!(BudgetPrices::read([("email", 1.0), ("fax", 1.0)]).1, Some("fax"));
    }

    #[test]
    fn a_price_below_zero_never_pays_for_spending() {
        let (prices, _) = BudgetPrices::read([("discount", -1.0), ("email", f64::NAN)]);
        assert_eq!(prices, BudgetPrices::default());
    }
}
