//! Decisions that nobody asks for: a cart was left alone until its deadline.

use super::{Occasion, decide_with, seed};
use crate::bundle::Bundle;
use crate::contract::{
    DecisionRecord, DecisionRequest, IdentityKey, IdentityKeyKind, JournalMessage, Trigger, journal_message,
};
use crate::ids::{Alias, CartId};
use crate::keyed::Key;
use crate::state::{Cart, Deadline, State};

/// Decides about the carts whose deadline passed, each with its deadline as clock reading, against the one state.
/// Neither the abandonment after an activity nor a decision key is decided twice, also not by an engine that meets the
/// deadline anew after a restart, or another one of the same activity because T has changed. The caller gives deadlines
/// of one time and folds what comes back before it goes on.
#[must_use]
pub fn fire(state: &State, bundle: &Bundle, due: &[Deadline], key: &Key) -> Vec<DecisionRecord> {
    due.iter()
        .filter_map(|deadline| fire_one(state, bundle, deadline, key))
        .collect()
}

fn fire_one(state: &State, bundle: &Bundle, deadline: &Deadline, key: &Key) -> Option<DecisionRecord> {
    let cart = state.cart(&deadline.cart)?;
    let activity = cart.live_activity();
    // Where it goes on after a deadline that was postponed, that activity has its own.
    if activity <= cart.decided_activity() || activity > Some(deadline.time) {
        return None;
    }
    let request = inactivity_request(deadline.cart, cart);
    let occasion = Occasion::resolve(state, &request, deadline.time);
    if state.decision(&occasion.decision_id).is_some() {
        return None;
    }
    Some(decide_with(&occasion, bundle, seed(key, occasion.decision_id), key))
}

/// What an abandoned cart asks on behalf of whoever acted on it last.
fn inactivity_request(cart_id: CartId, cart: &Cart) -> DecisionRequest {
    DecisionRequest {
        storefront_id: cart.storefront().to_owned(),
        identity_keys: cart.owner().map(alias_key).into_iter().collect(),
        cart_id: cart_id.to_string(),
        trigger: Trigger::Inactivity.into(),
        ..DecisionRequest::default()
    }
}

/// An identity key that names an alias and no token.
#[must_use]
pub fn alias_key(alias: Alias) -> IdentityKey {
    IdentityKey {
        kind: IdentityKeyKind::Alias.into(),
        token: Vec::new(),
        alias: alias.0.to_vec(),
    }
}

/// The record as a message of the journal.
#[must_use]
pub fn to_message(record: DecisionRecord) -> JournalMessage {
    let aliases = record.aliases.iter().filter_map(|alias| Alias::from_bytes(alias));
    JournalMessage {
        received_time: record.clock,
        identity_keys: aliases.map(alias_key).collect(),
        imported: false,
        content: Some(journal_message::Content::Decision(record)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::testing::bundle;
    use crate::contract::journal_message::Content;
    use crate::decide::testing::{CART, KEY, NOON, World, line};
    use crate::policy::testing::policy;
    use crate::time::Micros;

    /// So many minutes after the cart was left.
    fn due(minutes: i64) -> Deadline {
        Deadline {
            time: Micros(NOON.0 + minutes * 60_000_000),
            cart: CART,
        }
    }

    #[test]
    fn a_deadline_that_was_postponed_decides_nothing_about_a_cart_that_goes_on() {
        let mut world = World::abandoned();
        let bundle = bundle(&policy());
        world.fill_cart(due(33).time, vec![line("boots", 2, 4000)]);
        assert!(fire(&world.state, &bundle, &[due(30)], &KEY).is_empty());
        assert_eq!(fire(&world.state, &bundle, &[due(63)], &KEY).len(), 1);
    }

    /// As an engine meets it that was started after T was raised.
    #[test]
    fn an_abandonment_is_decided_about_once_whatever_t_becomes() {
        let mut world = World::abandoned();
        let bundle = bundle(&policy());
        let decided = fire(&world.state, &bundle, &[due(30)], &KEY);
        world.push(due(30).time, Content::Decision(decided[0].clone()));
        world.sent(due(31).time, &decided[0]);
        assert!(fire(&world.state, &bundle, &[due(60)], &KEY).is_empty());
        world.fill_cart(due(70).time, vec![line("boots", 2, 4000)]);
        assert_eq!(fire(&world.state, &bundle, &[due(130)], &KEY).len(), 1);
    }
}
