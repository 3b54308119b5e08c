//! What a person allows. A refusal is noted with every key of the event, so that no later change of links can lose it;
//! a grant with the strongest only.

use super::person;
use super::scene::{Keys, Scene};
use crate::channel::MESSAGE_CHANNELS;
use crate::contract::{Channel, ConsentChanged, ConsentPurpose, ConsentState, PreferenceSet};
use crate::ids::Alias;
use crate::state::{Consent, Latest, Permissions, Stamp, State};
use crate::time::Micros;

/// A choice for one channel and purpose. A grant counts from the time the person gave it: an old one that is told again
/// lifts no opt-out made since. A withdrawal counts from its event, whatever time the consent record still names.
pub(super) fn consent(state: &mut State, scene: &Scene<'_>, change: &ConsentChanged) {
    let granted = change.state() == ConsentState::Granted;
    let given_time = change
        .given_time
        .as_ref()
        .filter(|_| granted)
        .map_or(scene.stamp.time, Micros::from_timestamp)
        .min(scene.stamp.time);
    let stamp = Stamp {
        time: given_time,
        ..scene.stamp
    };
    let consent = Consent {
        state: change.state(),
        legal_basis: change.legal_basis(),
        double_opt_in: change.double_opt_in(),
    };
    let key = (change.channel(), change.purpose());
    let withdrawn = consent.state == ConsentState::Withdrawn;
    let reach = if withdrawn { scene.keys.len() } else { 1 };
    // Whoever agrees to profiling has not asked for messages again.
    let wants_messages = granted && change.purpose() != ConsentPurpose::Profiling;
    for alias in scene.keys.iter().take(reach).map(|key| key.alias) {
        let Some(permissions) = permissions(state, alias) else {
            continue;
        };
        permissions.choose(key, stamp, consent);
        if wants_messages {
            permissions.opt(key.0, stamp, false);
        }
    }
}

/// Channels the person wants; a list without a channel refuses it, no list says nothing.
pub(super) fn prefer(state: &mut State, scene: &Scene<'_>, preference: &PreferenceSet) {
    if let Ok(zone) = preference.time_zone.parse()
        && let Some(profile) = person::profile(state, scene)
    {
        Latest::offer(&mut profile.preferred_zone, scene.stamp, zone);
    }
    if preference.channels.is_empty() {
        return;
    }
    for channel in MESSAGE_CHANNELS {
        if !preference.channels().any(|wanted| wanted == channel) {
            opt_out(state, &scene.keys, scene.stamp, channel);
        } else if let Some(permissions) = scene.strongest().and_then(|alias| permissions(state, alias)) {
            permissions.opt(channel, scene.stamp, false);
        }
    }
}

/// An opt-out of one channel, for every key of the person.
pub(super) fn opt_out(state: &mut State, keys: &Keys, stamp: Stamp, channel: Channel) {
    for key in keys {
        if let Some(permissions) = permissions(state, key.alias) {
            permissions.opt(channel, stamp, true);
        }
    }
}

fn permissions(state: &mut State, alias: Alias) -> Option<&mut Permissions> {
    let record = state.records.get_mut(&alias).filter(|record| !record.erased)?;
    Some(record.permissions_mut())
}

impl Permissions {
    fn choose(&mut self, key: (Channel, ConsentPurpose), stamp: Stamp, consent: Consent) {
        offer(&mut self.consents, key, stamp, consent);
    }

    fn opt(&mut self, channel: Channel, stamp: Stamp, out: bool) {
        offer(&mut self.opted_out, channel, stamp, out);
    }
}

/// Keeps the later word on a key of a sorted list.
fn offer<K: Ord, T: Copy>(list: &mut Vec<(K, Latest<T>)>, key: K, stamp: Stamp, value: T) {
    match list.binary_search_by(|(held, _)| held.cmp(&key)) {
        Ok(index) if list[index].1.stamp <= stamp => list[index].1 = Latest { stamp, value },
        Ok(_) => {}
        Err(index) => list.insert(index, (key, Latest { stamp, value })),
    }
}
