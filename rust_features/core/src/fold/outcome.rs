//! What became of messages: the progress of the decision, the contact history of the person, and what must not be
//! written to any more.

use super::browse;
use super::decision::claim_touch;
use super::permission::opt_out;
use super::scene::{Keys, Scene};
use crate::channel::MESSAGE_CHANNELS;
use crate::contract::message_outcome::Outcome;
use crate::contract::{BounceKind, Channel, MessageOutcome, Opener};
use crate::ids::{Alias, DecisionId, SendId};
use crate::state::{
    Contacts, Key, OfferMark, RECENT_OFFERS, RECENT_SENDS, SendMark, State, keep_newest, short_hash, short_id,
};
use crate::time::Micros;

pub(super) fn fold(state: &mut State, scene: &Scene<'_>, message: &MessageOutcome) {
    let Some(outcome) = &message.outcome else { return };
    advance(state, scene, message, outcome);
    let channel = message.channel();
    let person = person(state, scene, &message.decision_id);
    match outcome {
        Outcome::Sent(_) | Outcome::Unknown(_) => count_send(state, scene, message),
        Outcome::Opened(opened) if opened.opener() == Opener::Human => {
            count_channel(state, scene, message, |contacts, index, _| {
                contacts.channels[index].opens = contacts.channels[index].opens.saturating_add(1);
            });
        }
        Outcome::Clicked(_) => count_channel(state, scene, message, |contacts, index, time| {
            let channel = &mut contacts.channels[index];
            channel.clicks = channel.clicks.saturating_add(1);
            channel.last_click = channel.last_click.max(Some(time));
        }),
        Outcome::Unsubscribed(said) => {
            for channel in MESSAGE_CHANNELS {
                if said.channels.is_empty() || said.channels().any(|named| named == channel) {
                    opt_out(state, &person, scene.stamp, channel);
                }
            }
        }
        Outcome::Complained(_) => suppress(state, &person, channel),
        Outcome::Bounced(bounce) if bounce.kind() == BounceKind::Hard => suppress(state, &person, channel),
        Outcome::Failed(failure) if failure.permanent => suppress(state, &person, channel),
        _ => {}
    }
}

/// Moves the decision on; every outcome but a schedule and a skip means that its send was claimed.
fn advance(state: &mut State, scene: &Scene<'_>, message: &MessageOutcome, outcome: &Outcome) {
    let id = DecisionId::from_hex(&message.decision_id);
    let Some(decided) = id.and_then(|id| state.decisions.get_mut(&id)) else {
        return;
    };
    match outcome {
        Outcome::Scheduled(scheduled) => {
            let due = scheduled
                .due_time
                .as_ref()
                .map_or(scene.stamp.time, Micros::from_timestamp);
            return decided.schedule(due, scene.stamp);
        }
        Outcome::Skipped(skipped) => return decided.skip(skipped.reason(), scene.stamp),
        Outcome::Sent(_) => decided.send(scene.stamp.time),
        _ => decided.claim(),
    }
    let (cart, touch, clock) = (decided.cart, decided.touch, decided.clock);
    claim_touch(state, cart, touch, clock);
}

/// Counts a send, and the offer it carried, once per send key.
fn count_send(state: &mut State, scene: &Scene<'_>, message: &MessageOutcome) {
    let decision = DecisionId::from_hex(&message.decision_id);
    let decided = decision.and_then(|id| state.decisions.get(&id));
    let offer = decided.map(|decided| short_hash([decided.action.offer_id.as_str()]));
    let offer = offer.filter(|_| decided.is_some_and(|decided| !decided.action.offer_id.is_empty()));
    let mark = SendMark {
        time: scene.stamp.time,
        send: SendId::from_hex(&message.send_id).map_or(scene.stamp.tie, |id| short_id(id.0)),
        channel: message.channel(),
    };
    count_channel(state, scene, message, |contacts, index, time| {
        if let Some(held) = contacts.sends.iter_mut().find(|held| held.send == mark.send) {
            held.time = held.time.min(mark.time);
            return contacts.sends.sort_unstable();
        }
        contacts.channels[index].sends = contacts.channels[index].sends.saturating_add(1);
        keep_newest(&mut contacts.sends, RECENT_SENDS, mark, |mark| *mark);
        if let (Some(offer), Some(id)) = (offer, decision) {
            contacts.give(offer, short_id(id.0), time);
        }
    });
}

/// Changes the contact history of the person the message went to.
fn count_channel(
    state: &mut State,
    scene: &Scene<'_>,
    message: &MessageOutcome,
    change: impl FnOnce(&mut Contacts, usize, Micros),
) {
    let index = message.channel() as usize;
    if let Some(contacts) = addressee(state, scene, &message.decision_id).and_then(|alias| contacts(state, alias)) {
        change(contacts, index, scene.stamp.time);
    }
}

/// The keys of the event; of one that names nobody, the aliases that the decision saw: whoever reports a send's fate
/// need not know whose it was, and no opt-out may be lost for that.
fn person(state: &State, scene: &Scene<'_>, decision_id: &str) -> Keys {
    if !scene.keys.is_empty() {
        return scene.keys.clone();
    }
    let decided = DecisionId::from_hex(decision_id).and_then(|id| state.decisions.get(&id));
    let aliases = decided.map_or(&[][..], |decided| &decided.aliases);
    let known = aliases.iter().filter_map(|alias| {
        let record = state.records.get(alias).filter(|record| !record.erased)?;
        Some(Key {
            kind: record.kind,
            alias: *alias,
            met: true,
        })
    });
    known.collect()
}

/// The strongest key, else the first alias that the decision saw.
fn addressee(state: &State, scene: &Scene<'_>, decision_id: &str) -> Option<Alias> {
    scene.strongest().or_else(|| {
        let decided = state.decisions.get(&DecisionId::from_hex(decision_id)?)?;
        decided.aliases.first().copied()
    })
}

fn contacts(state: &mut State, alias: Alias) -> Option<&mut Contacts> {
    let record = state.records.get_mut(&alias).filter(|record| !record.erased)?;
    Some(record.contacts_mut())
}

impl Contacts {
    /// Notes an offer, once per decision (or event that names none) and at its earliest time.
    fn give(&mut self, offer: u64, decision: u64, time: Micros) {
        let same = |held: &&mut OfferMark| held.offer == offer && held.decision == decision;
        if let Some(held) = self.offers.iter_mut().find(same) {
            held.time = held.time.min(time);
            return self.offers.sort_unstable();
        }
        let mark = OfferMark { time, offer, decision };
        keep_newest(&mut self.offers, RECENT_OFFERS, mark, |mark| *mark);
    }
}

/// An offer was issued outside a message.
pub(super) fn issue(state: &mut State, scene: &Scene<'_>, offer_id: &str, decision_id: &str) {
    let decision = DecisionId::from_hex(decision_id).map_or(scene.stamp.tie, |id| short_id(id.0));
    if let Some(contacts) = addressee(state, scene, decision_id).and_then(|alias| contacts(state, alias)) {
        contacts.give(short_hash([offer_id]), decision, scene.stamp.time);
    }
}

/// An offer was redeemed.
pub(super) fn redeem(state: &mut State, scene: &Scene<'_>) {
    if let Some((activity, _)) = browse::activity(state, scene) {
        activity.redemptions = activity.redemptions.saturating_add(1);
    }
}

/// Nothing is sent to these keys through the channel any more; through none where it is not named.
pub(super) fn suppress(state: &mut State, keys: &Keys, channel: Channel) {
    let bits = if channel == Channel::Unspecified {
        u8::MAX
    } else {
        1 << (channel as u8)
    };
    for key in keys {
        let record = state
            .records
            .get_or_insert_with(key.alias, || crate::state::Record::new(key.kind));
        record.suppressed |= bits;
    }
}
