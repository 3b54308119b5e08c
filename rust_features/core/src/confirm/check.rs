//! What stands against a send now.

use super::{Subject, Verdict};
use crate::contract::Reason;
use crate::decide::{Reasons, cart_reasons, channel_reasons, person_reasons};
use crate::policy::Storefront;
use crate::time::Micros;

impl Subject<'_> {
    pub(super) fn settings(&self) -> &Storefront {
        self.bundle.rules.storefront(&self.decided.storefront)
    }

    /// Why a message about the cart may not go at all: of the person, the cart and its version.
    pub(super) fn occasion_rejection(&self) -> Option<Reason> {
        let currency = &self.settings().currency;
        // A link may have made the customer one who was drawn for the holdout earlier.
        let held_out = (self.customer.holdout() == Some(true)).then_some(Reason::Holdout);
        let person = person_reasons(&self.customer).into_iter().chain(held_out);
        let cart = cart_reasons(self.state, &self.customer, self.cart, currency);
        let changed = self.cart_changed().then_some(Reason::CartChanged);
        person.chain(cart).chain(changed).next()
    }

    /// The person's word against the message, or an order of what it is about.
    pub(super) fn forbidden(&self, channel: &Reasons) -> Option<Reason> {
        let ordered = self.customer.ordered(self.cart).then_some(Reason::CartOrdered);
        let person = person_reasons(&self.customer).into_iter();
        person.chain(ordered).chain(channel.iter().copied()).find(|reason| {
            matches!(
                reason,
                Reason::Erased | Reason::CartOrdered | Reason::OptedOut | Reason::ConsentMissing | Reason::Suppressed
            )
        })
    }

    /// What stands against the decided action's channel now.
    pub(super) fn channel_reasons(&self) -> Reasons {
        let (rules, channel) = (&self.bundle.rules, self.decided.action.channel());
        let storefront = &self.decided.storefront;
        channel_reasons(self.state, &self.customer, rules, storefront, channel, self.now)
    }

    /// Why the decided message may not go, now or later.
    pub(super) fn rejection(&self, channel: &Reasons) -> Option<Reason> {
        let late = (self.now > self.latest()).then_some(Reason::TooLate);
        self.occasion_rejection()
            .or(late)
            .or_else(|| self.offer_rejection())
            .or_else(|| channel.first().copied())
    }

    fn offer_rejection(&self) -> Option<Reason> {
        let action = &self.decided.action;
        if action.offer_id.is_empty() {
            return None;
        }
        let Some(offer) = self.bundle.rules.offer(&action.offer_id) else {
            return Some(Reason::OfferExpired);
        };
        let expiry = action.offer_expiry_time.as_ref().map(Micros::from_timestamp);
        if expiry.is_some_and(|expiry| self.now >= expiry) {
            return Some(Reason::OfferExpired);
        }
        let capped = offer
            .cap
            .is_some_and(|cap| self.customer.offers_within(&offer.id, cap.window_seconds, self.now) >= cap.issues);
        let value = self.cart.value_minor().unwrap_or(0);
        let currency = match self.cart.currency() {
            "" => &self.settings().currency,
            named => named,
        };
        offer
            .rejection(value, currency, self.now)
            .or(capped.then_some(Reason::OfferCapReached))
    }

    /// What the send waits for: the shopper to leave the cart alone for T, quiet hours to end.
    pub(super) fn wait(&self) -> Option<Verdict> {
        let settings = self.settings();
        let inactive = self.inactive_from();
        let earliest = self.now.max(inactive);
        let zones = self.customer.time_zones();
        let Some(time) = settings.first_loud(self.decided.action.channel(), earliest, &zones) else {
            return Some(Verdict::Skip(Reason::QuietHours));
        };
        if time > self.latest() {
            Some(Verdict::Skip(Reason::TooLate))
        } else if time > self.now {
            let reason = if inactive > self.now {
                Reason::CartActive
            } else {
                Reason::QuietHours
            };
            Some(Verdict::WaitUntil { time, reason })
        } else {
            None
        }
    }

    /// When the cart has been left alone for T.
    pub(super) fn inactive_from(&self) -> Micros {
        self.cart
            .last_activity()
            .plus_seconds(self.settings().abandonment_seconds)
    }

    /// After this no touch of the abandonment is sent.
    pub(super) fn latest(&self) -> Micros {
        let abandonment = self.decided.abandonment_time.unwrap_or(self.decided.clock);
        abandonment.plus_seconds(self.settings().latest_touch_seconds)
    }
}
