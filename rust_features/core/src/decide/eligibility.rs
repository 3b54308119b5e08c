//! Why something may not be done about a cart. Decision and confirmation ask the same functions; each gives every
//! reason that holds, not the first.

use smallvec::SmallVec;

use super::consent;
use crate::contract::{Channel, Reason};
use crate::policy::Rules;
use crate::state::{Cart, Customer, Product, State};
use crate::time::Micros;

/// Reasons against one action.
pub(crate) type Reasons = SmallVec<[Reason; 4]>;

/// What stands against contacting the person at all.
pub(crate) fn person_reasons(customer: &Customer<'_>) -> Reasons {
    let mut reasons = Reasons::new();
    reasons.extend(customer.erased().then_some(Reason::Erased));
    reasons.extend(customer.profiling_objected().then_some(Reason::ProfilingObjected));
    reasons.extend(customer.suspected_robot().then_some(Reason::SuspectedRobot));
    reasons.extend(
        customer
            .suspected_card_testing()
            .then_some(Reason::SuspectedCardTesting),
    );
    reasons.extend(customer.suspect().map(|_| Reason::SuspectedSamePerson));
    reasons
}

/// What stands against any message about the cart, in a storefront of this currency.
pub(crate) fn cart_reasons(state: &State, customer: &Customer<'_>, cart: &Cart, currency: &str) -> Reasons {
    let mut reasons = Reasons::new();
    reasons.extend(customer.ordered(cart).then_some(Reason::CartOrdered));
    if cart.is_empty() {
        reasons.push(Reason::CartEmpty);
        return reasons;
    }
    reasons.extend(cart.value_minor().is_none().then_some(Reason::CartWithoutPrices));
    let foreign = !cart.currency().is_empty() && cart.currency() != currency;
    reasons.extend(foreign.then_some(Reason::CurrencyNotSupported));
    let mut stocks = cart
        .lines()
        .map(|line| state.product(&line.product()).and_then(Product::stock));
    reasons.extend(stocks.all(|stock| stock == Some(0)).then_some(Reason::OutOfStock));
    reasons
}

/// What stands against a message of the channel at a time.
pub(crate) fn channel_reasons(
    state: &State,
    customer: &Customer<'_>,
    rules: &Rules,
    storefront_id: &str,
    channel: Channel,
    time: Micros,
) -> Reasons {
    let mut reasons = Reasons::new();
    let able = state.channel(storefront_id, channel);
    reasons.extend((!able.available || able.paused).then_some(Reason::ChannelUnavailable));
    reasons.extend((!customer.reachable(channel)).then_some(Reason::NotReachable));
    reasons.extend(customer.suppressed(channel).then_some(Reason::Suppressed));
    if customer.opted_out(channel) {
        reasons.push(Reason::OptedOut);
    } else {
        reasons.extend(consent::rejection(customer, channel));
    }
    let capped = rules.caps.iter().any(|cap| {
        cap.counts(channel) && customer.sends_within(cap.channel, cap.window_seconds, time) >= cap.max_sends
    });
    reasons.extend(capped.then_some(Reason::CapReached));
    reasons
}
