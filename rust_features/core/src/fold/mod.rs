//! The fold: journal messages into state, one at a time, in journal order. Deterministic and total; an event id counts
//! once; a late event counts at its own time, so that order matters to nothing but bounds and last bits.

mod browse;
mod cart;
mod catalogue;
mod decision;
mod keys;
mod order;
mod outcome;
mod permission;
mod person;
mod scene;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use order::{order_products, order_value_minor};
pub(crate) use scene::nameless_session;
use scene::{Scene, session};

use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::{DecisionRecord, Event, JournalMessage};
use crate::ids::EventId;
use crate::state::{State, request_cart, short_hash, short_id};
use crate::time::Micros;

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Folded {
    /// It is in the state now.
    Applied,
    /// Its event id, decision key or sequence was folded before; it changed nothing but the sequence.
    Duplicate,
}

/// The message is of a kind that this engine does not know: it must stop, or its state would differ from others'.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("message {sequence} is of a kind that this engine does not know")]
pub struct UnknownKind {
    /// Where the journal holds it.
    pub sequence: u64,
}

/// Folds the message with the given sequence. A sequence not above the last one is a duplicate.
///
/// # Errors
/// Where the kind of the message is not known; the state is then as before.
pub fn fold(state: &mut State, sequence: u64, message: &JournalMessage) -> Result<Folded, UnknownKind> {
    let content = message.content.as_ref().ok_or(UnknownKind { sequence })?;
    if matches!(content, Content::Event(Event { kind: None, .. })) {
        return Err(UnknownKind { sequence });
    }
    if sequence <= state.sequence {
        return Ok(Folded::Duplicate);
    }
    let received = message.received_time.as_ref().map(Micros::from_timestamp);
    state.sequence = sequence;
    state.journal_time = state.journal_time.max(received.unwrap_or_default());
    state.expire();
    let new = match content {
        Content::Event(event) => fold_event(state, message, event, received),
        Content::Decision(record) => fold_decision(state, message, record, received),
        Content::Suppressed(suppressed) => {
            let scene = Scene::new(state, message, "", received, 0, None);
            outcome::suppress(state, &scene.keys, suppressed.channel());
            true
        }
        Content::Tick(_) | Content::SpoolClosed(_) => true,
    };
    state.duplicates = state.duplicates.saturating_add(u64::from(!new));
    Ok(if new { Folded::Applied } else { Folded::Duplicate })
}

/// A decision also says who asked about which cart: keys that only a Score named join the person and act there.
fn fold_decision(
    state: &mut State,
    message: &JournalMessage,
    record: &DecisionRecord,
    received: Option<Micros>,
) -> bool {
    let new = decision::fold(state, record);
    if new {
        let tie = short_hash([record.decision_id.as_str()]);
        let scene = Scene::new(state, message, "", received, tie, None);
        keys::meet(state, &scene);
        let cart = record.request.as_ref().and_then(request_cart);
        if let (Some(cart), Some(actor)) = (cart, keys::actor(&scene)) {
            state.act_in_cart(cart, actor);
        }
    }
    new
}

fn fold_event(state: &mut State, message: &JournalMessage, event: &Event, received: Option<Micros>) -> bool {
    let Some(kind) = &event.kind else { return false };
    let id = EventId::from_hex(&event.event_id).map_or_else(
        || short_hash([event.storefront_id.as_str(), event.event_id.as_str()]),
        |id| short_id(id.0),
    );
    if !event.event_id.is_empty() && !state.seen.insert(id, state.journal_time) {
        return false;
    }
    state.count(kind.name());
    let time = event.event_time.as_ref().map(Micros::from_timestamp);
    let scene = Scene::new(state, message, &event.storefront_id, received, id, time);
    if matches!(kind, Kind::Linked(_) | Kind::Unlinked(_)) {
        keys::record(state, &scene);
    } else {
        keys::meet(state, &scene);
        if let (Some(session), Some(actor)) = (session(event), keys::actor(&scene)) {
            state.act_in_session(session, actor, scene.stamp.time);
        }
    }
    if let Some(context) = &event.context {
        person::learn_context(state, &scene, context);
    }
    apply(state, &scene, kind);
    true
}

fn apply(state: &mut State, scene: &Scene<'_>, kind: &Kind) {
    match kind {
        Kind::ProductViewed(_)
        | Kind::ProductListViewed(_)
        | Kind::ProductsSearched(_)
        | Kind::ProductWishlisted(_) => {
            browse::fold(state, scene, kind);
        }
        Kind::ProductAdded(_)
        | Kind::ProductRemoved(_)
        | Kind::CartUpdated(_)
        | Kind::CartViewed(_)
        | Kind::CheckoutStarted(_)
        | Kind::CheckoutStepViewed(_)
        | Kind::CheckoutStepCompleted(_)
        | Kind::PaymentFailed(_) => cart::fold(state, scene, kind),
        Kind::OrderCompleted(order) => order::complete(state, scene, order),
        Kind::OrderCancelled(_) | Kind::OrderRefunded(_) => order::give_back(state, scene),
        Kind::Linked(_) => keys::say(state, scene, true),
        Kind::Unlinked(_) => keys::say(state, scene, false),
        Kind::ProfileUpdated(profile) => person::learn_profile(state, scene, profile),
        Kind::ConsentChanged(consent) => permission::consent(state, scene, consent),
        Kind::PreferenceSet(preference) => permission::prefer(state, scene, preference),
        Kind::Erased(_) => person::erase(state, scene),
        Kind::MessageOutcome(outcome) => outcome::fold(state, scene, outcome),
        Kind::OfferIssued(offer) => outcome::issue(state, scene, &offer.offer_id, &offer.decision_id),
        Kind::OfferRedeemed(_) => outcome::redeem(state, scene),
        Kind::DecisionHeld(_) | Kind::DecisionApproved(_) | Kind::DecisionRejected(_) | Kind::DecisionExpired(_) => {
            decision::judge(state, scene, kind);
        }
        Kind::DecisionSuperseded(superseded) => decision::replace(state, &superseded.decision_id),
        Kind::ProductUpdated(_)
        | Kind::ProductDiscontinued(_)
        | Kind::ChannelUpdated(_)
        | Kind::ChannelPaused(_)
        | Kind::ChannelResumed(_)
        | Kind::BudgetPricesUpdated(_) => catalogue::fold(state, scene, kind),
        // Counted; no feature or rule needs them. `Identified` has done its work by the keys it names.
        Kind::Identified(_)
        | Kind::TrialStarted(_)
        | Kind::PlanViewed(_)
        | Kind::PlanChanged(_)
        | Kind::SubscriptionCancelled(_)
        | Kind::OfferRevoked(_)
        | Kind::BundleActivated(_)
        | Kind::BundleRolledBack(_)
        | Kind::ExperimentStarted(_)
        | Kind::ExperimentStopped(_)
        | Kind::ExceptionGranted(_)
        | Kind::ExceptionExpired(_) => {}
    }
}
