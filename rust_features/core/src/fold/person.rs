//! What is known of a person beside what they do: circumstances, profile, and the end of it all, erasure.

use super::scene::Scene;
use crate::contract::{self, Context, DeviceClass};
use crate::state::{Latest, Profile, Record, State, Tag};

/// Device, language and zone as an event's context gives them; what names no language or zone says nothing.
pub(super) fn learn_context(state: &mut State, scene: &Scene<'_>, context: &Context) {
    let device = Some(context.device_class()).filter(|device| *device != DeviceClass::Unspecified);
    let campaign = !context.campaign.is_empty() || !context.referrer.is_empty();
    let Some(profile) = profile(state, scene) else { return };
    Latest::offer(&mut profile.campaign, scene.stamp, campaign);
    if let Some(device) = device {
        Latest::offer(&mut profile.device, scene.stamp, device);
    }
    if let Ok(zone) = context.time_zone.parse() {
        Latest::offer(&mut profile.device_zone, scene.stamp, zone);
    }
    if let Some(locale) = Tag::language(&context.locale) {
        Latest::offer(&mut profile.locale, scene.stamp, locale);
    }
}

/// What the shop knows of the person.
pub(super) fn learn_profile(state: &mut State, scene: &Scene<'_>, update: &contract::ProfileUpdated) {
    let Some(profile) = profile(state, scene) else { return };
    if let Some(language) = Tag::language(&update.language) {
        Latest::offer(&mut profile.language, scene.stamp, language);
    }
    if let Some(value) = update.lifetime_value_minor {
        Latest::offer(&mut profile.lifetime_value_minor, scene.stamp, value);
    }
}

/// Forgets the person: the records of the linked aliases, all devices of theirs, and their carts. What stays says only
/// that the alias was erased and is never to be written to.
pub(super) fn erase(state: &mut State, scene: &Scene<'_>) {
    let given: Vec<_> = scene.keys.iter().map(|key| key.alias).collect();
    let aliases = state.erased_with(&given);
    for alias in &aliases {
        let Some(record) = state.records.get_mut(alias) else {
            continue;
        };
        let mut erased = Record::new(record.kind);
        erased.erased = true;
        erased.suppressed = u8::MAX;
        let edges = std::mem::replace(record, erased).edges;
        for other in edges.iter().map(|edge| edge.other) {
            if let Some(record) = state.records.get_mut(&other) {
                record.unbind(*alias);
            }
        }
    }
    let carts: Vec<_> = aliases.iter().flat_map(|alias| state.carts_of(*alias)).collect();
    for id in carts {
        state.drop_cart(id);
    }
}

/// The profile of the strongest key.
pub(super) fn profile<'a>(state: &'a mut State, scene: &Scene<'_>) -> Option<&'a mut Profile> {
    Some(state.records.get_mut(&scene.strongest()?)?.profile_mut())
}
