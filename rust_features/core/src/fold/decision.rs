//! Decisions fold like events: the first of a key is the answer; a decision for a new version of the cart replaces the
//! pending ones.

use super::scene::Scene;
use crate::contract::event::Kind;
use crate::contract::{Channel, DecisionRecord, IdentityKeyKind, Trigger};
use crate::ids::{CartId, DecisionId};
use crate::state::{Approval, Decided, MAX_PENDING, Record, Stamp, State, decision_id, request_cart, short_id};
use crate::time::Micros;

/// Folds a record; false where its key was decided before.
pub(super) fn fold(state: &mut State, record: &DecisionRecord) -> bool {
    let Some(id) = decision_id(record) else { return true };
    if state.decisions.contains_key(&id) {
        return false;
    }
    let decided = Decided::new(state.sequence, record, &mut state.storefronts);
    hold_out(state, id, record, &decided);
    supersede(state, id, record, &decided);
    state.decisions.insert(id, Box::new(decided));
    state.retention.decisions.push_back((state.journal_time, id));
    true
}

/// Keeps the arm that was drawn: it was if the customer was held out or anything could have been sent.
fn hold_out(state: &mut State, id: DecisionId, record: &DecisionRecord, decided: &Decided) {
    let sendable = record.candidates.iter().any(|candidate| {
        let channel = candidate.action.as_ref().map(crate::contract::Action::channel);
        candidate.eligible && !matches!(channel, None | Some(Channel::None | Channel::Unspecified))
    });
    if !record.holdout && !sendable {
        return;
    }
    let stamp = Stamp {
        time: decided.clock,
        tie: short_id(id.0),
    };
    for alias in &decided.aliases {
        let held = state
            .records
            .get_or_insert_with(*alias, || Record::new(IdentityKeyKind::Unspecified));
        let arm = (stamp, record.holdout);
        if !held.erased && held.arm.is_none_or(|(earlier, _)| stamp < earlier) {
            held.arm = Some(arm);
        }
    }
}

/// Puts the decision in its place among those of the cart. Pending ones with the same send key stay: whichever is
/// claimed first is sent, and only once.
fn supersede(state: &mut State, id: DecisionId, record: &DecisionRecord, decided: &Decided) {
    let Some(cart_id) = record.request.as_ref().and_then(request_cart) else {
        return;
    };
    state.cart_or_new(cart_id, &decided.storefront, decided.clock);
    let State { carts, decisions, .. } = state;
    let Some(cart) = carts.get_mut(&cart_id) else { return };
    let activity = cart.live_activity().filter(|activity| *activity <= decided.clock);
    let occasion = &mut cart.occasion;
    occasion.pending.retain(|pending| {
        let Some(held) = decisions.get_mut(pending).filter(|held| held.pending()) else {
            return false;
        };
        held.superseded = held.send != decided.send;
        !held.superseded
    });
    if occasion.pending.len() >= MAX_PENDING
        && let Some(held) = decisions.get_mut(&occasion.pending.remove(0))
    {
        held.superseded = true;
    }
    occasion.pending.push(id);
    occasion.latest = Some(id);
    occasion.abandonment = decided.abandonment_time.or(occasion.abandonment);
    if decided.trigger == Trigger::Inactivity as i32 {
        occasion.decided_activity = occasion.decided_activity.max(activity);
    }
}

/// A person's word on a decision that was held.
pub(super) fn judge(state: &mut State, scene: &Scene<'_>, kind: &Kind) {
    let (id, approval) = match kind {
        Kind::DecisionHeld(held) => (&held.decision_id, Approval::Held),
        Kind::DecisionApproved(approved) => (&approved.decision_id, Approval::Approved),
        Kind::DecisionRejected(rejected) => (&rejected.decision_id, Approval::Rejected),
        Kind::DecisionExpired(expired) => (&expired.decision_id, Approval::Expired),
        _ => return,
    };
    if let Some(decided) = DecisionId::from_hex(id).and_then(|id| state.decisions.get_mut(&id)) {
        decided.approve(approval, scene.stamp);
    }
}

/// The decision was replaced by another one, in whatever way: its send goes no more.
pub(super) fn replace(state: &mut State, decision_id: &str) {
    if let Some(decided) = DecisionId::from_hex(decision_id).and_then(|id| state.decisions.get_mut(&id)) {
        decided.superseded = true;
    }
}

/// Notes that a touch of the cart, decided at `clock`, was claimed.
pub(super) fn claim_touch(state: &mut State, cart: CartId, touch: u32, clock: Micros) {
    if let Some(cart) = state.carts.get_mut(&cart)
        && cart.ordered_time() < Some(clock)
    {
        cart.occasion.claim(touch, clock);
    }
}
