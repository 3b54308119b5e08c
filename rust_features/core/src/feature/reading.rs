//! One reading of a customer, a cart and the index: everything features are computed from, gathered in one pass.

use super::action::ActionInput;
use super::lines::{Lines, same_currency};
use super::past::Past;
use super::table::{ACTION_COUNT, CONTEXT_COUNT, TABLE};
use super::visit::Visit;
use super::{Feature, Source};
use crate::contract::Channel;
use crate::state::{Cart, Customer, State};
use crate::time::Micros;

/// Gathered values; NaN where missing.
pub(crate) struct Reading {
    pub(crate) lines: Lines,
    pub(crate) visit: Visit,
    pub(crate) past: Past,
    pub(crate) storefront: Storefront,
    pub(crate) clock: Micros,
}

/// The channel index of the cart's storefront.
pub(crate) struct Storefront {
    pub(crate) usable_channels: f64,
    pub(crate) email_cost_minor: f64,
    pub(crate) sms_cost_minor: f64,
}

impl Reading {
    fn new(state: &State, customer: &Customer<'_>, cart: Option<&Cart>, clock: Micros) -> Self {
        Self {
            lines: cart.map_or(Lines::MISSING, |cart| Lines::new(state, cart, clock)),
            visit: Visit::new(customer, cart),
            past: Past::new(state, customer, cart, clock),
            storefront: Storefront::new(state, cart),
            clock,
        }
    }

    /// Hour of the day, UTC, with its fraction.
    pub(crate) fn clock_hour(&self) -> f64 {
        minor(self.clock.0.rem_euclid(DAY_MICROS)) / 3_600e6
    }

    /// Day of the week, UTC: 1 Monday to 7 Sunday.
    pub(crate) fn clock_weekday(&self) -> f64 {
        // The first of January 1970 was a Thursday.
        minor((self.clock.0.div_euclid(DAY_MICROS) + 3).rem_euclid(7) + 1)
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

impl Storefront {
    fn new(state: &State, cart: Option<&Cart>) -> Self {
        let channels = cart.and_then(|cart| state.channels.get(cart.storefront()));
        let cost = |channel| {
            channels
                .and_then(|held| held.cost(channel))
                .filter(|cost| cart.is_some_and(|cart| same_currency(cart.currency(), &cost.currency_code)))
                .map(|cost| cost.minor_units)
                .map_or(f64::NAN, minor)
        };
        let sending = [Channel::Email, Channel::Sms, Channel::Push, Channel::InApp];
        let usable = sending
            .into_iter()
            .filter(|channel| channels.is_none_or(|held| held.usable(*channel)))
            .count();
        Self {
            usable_channels: if cart.is_some() { count(usable) } else { f64::NAN },
            email_cost_minor: cost(Channel::Email),
            sms_cost_minor: cost(Channel::Sms),
        }
    }
}

/// Writes the context features into `out`, in table order; `out` takes [`CONTEXT_COUNT`] of them.
pub fn context_features(
    state: &State,
    customer: &Customer<'_>,
    cart: Option<&Cart>,
    clock: Micros,
    out: &mut [f32; CONTEXT_COUNT],
) {
    let reading = Reading::new(state, customer, cart, clock);
    for (slot, feature) in out.iter_mut().zip(&TABLE) {
        if let Source::Context(read) = feature.source {
            *slot = narrow(read(&reading));
        }
    }
}

/// Writes the action features into `out`, in table order; `out` takes [`ACTION_COUNT`] of them.
pub fn action_features(action: &ActionInput, out: &mut [f32; ACTION_COUNT]) {
    for (slot, feature) in out
        .iter_mut()
        .zip(TABLE.iter().filter(|feature| Feature::is_action(feature)))
    {
        if let Source::Action(read) = feature.source {
            *slot = narrow(read(action));
        }
    }
}

/// Every NaN becomes the same one, so that rows compare bit for bit.
#[allow(clippy::cast_possible_truncation)]
fn narrow(value: f64) -> f32 {
    if value.is_nan() { f32::NAN } else { value as f32 }
}

/// Minor units as a number.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn minor(amount: i64) -> f64 {
    amount as f64
}

/// A count as a number.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

/// `part / whole`, NaN where the whole is not positive.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}
