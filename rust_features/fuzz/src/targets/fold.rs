//! The fold over a list of journal messages: field 1 of the input, each time it stands there. Two folds give one state,
//! which can be read and decided about.

use cart_recovery_core::contract::{DecisionRequest, JournalMessage};
use cart_recovery_core::decide::{fire, to_message};
use cart_recovery_core::feature::{CONTEXT_COUNT, context_features};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::Alias;
use cart_recovery_core::state::{MAX_ALIASES, State};
use prost::Message;

use crate::wire;
use crate::world::{ABANDONMENT_SECONDS, bundle, decision_key};

pub(super) fn run(input: &[u8]) {
    let messages = messages(input);
    let mut state = State::new();
    folded(&mut state, &messages);
    let mut again = State::new();
    folded(&mut again, &messages);
    assert_eq!(state.digest(), again.digest());
    for key in messages.iter().flat_map(|message| &message.identity_keys) {
        if let Some(alias) = Alias::from_bytes(&key.alias) {
            read(&state, alias);
        }
    }
    decide(&mut state);
}

fn messages(input: &[u8]) -> Vec<JournalMessage> {
    let fields = wire::read(input).unwrap_or_default();
    let payloads = fields
        .iter()
        .filter(|field| field.number == 1)
        .filter_map(|field| field.value.bytes());
    payloads
        .filter_map(|payload| JournalMessage::decode(payload.as_slice()).ok())
        .collect()
}

fn folded(state: &mut State, messages: &[JournalMessage]) {
    for (message, sequence) in messages.iter().zip(1..) {
        // A message of an unknown kind stops a scorer; here the next one follows.
        let _ = fold(state, sequence, message);
    }
}

fn read(state: &State, alias: Alias) {
    let customer = state.customer(&[alias]);
    assert!(customer.aliases().len() <= MAX_ALIASES);
    let cart = state.requested_cart(&DecisionRequest::default(), state.journal_time());
    let mut features = [0.0; CONTEXT_COUNT];
    context_features(state, &customer, Some(&cart), state.journal_time(), &mut features);
}

/// Decides about every cart that was left alone, and folds the decisions.
fn decide(state: &mut State) {
    let later = state.journal_time().plus_seconds(2 * ABANDONMENT_SECONDS);
    let due = state.take_due(later, ABANDONMENT_SECONDS);
    for record in fire(state, bundle(), &due, &decision_key()) {
        let sequence = state.sequence() + 1;
        fold(state, sequence, &to_message(record)).expect("a decision can be folded");
    }
}
