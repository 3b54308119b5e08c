//! A customer: the linked aliases and their records, read as one.

use std::cmp::Reverse;

use chrono_tz::Tz;
use smallvec::SmallVec;

use super::State;
use super::cart::Cart;
use super::links::{Aliases, MAX_ALIASES};
use super::names::short_hash;
use super::profile::Profile;
use super::record::{Activity, CHANNELS, Consent, Contacts, Moment, Permissions, Step};
use super::records::RecordRef;
use super::stamp::Latest;
use super::tag::Tag;
use crate::contract::{Channel, ConsentPurpose, ConsentState, IdentityKeyKind};
use crate::ids::Alias;
use crate::time::Micros;

/// Views and additions within the decayed last hour from which a customer is held for a robot.
const ROBOT_STEPS_PER_HOUR: f32 = 600.0;
/// Failed payments of one visit from which a customer is held for somebody who tries out stolen cards.
const CARD_TESTS: usize = 5;
/// A longer pause begins a new visit.
const GAP_SECONDS: f64 = 1800.0;

/// The records of one person's aliases, in alias order.
pub struct Customer<'a> {
    state: &'a State,
    aliases: Aliases,
    records: SmallVec<[RecordRef<'a>; MAX_ALIASES]>,
}

impl<'a> Customer<'a> {
    pub(crate) fn new(state: &'a State, aliases: Aliases) -> Self {
        let records = aliases.iter().filter_map(|alias| state.records.get(alias)).collect();
        Self {
            state,
            aliases,
            records,
        }
    }

    /// The linked aliases, in alias order; at most [`MAX_ALIASES`].
    #[must_use]
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// What the person last chose for the channel and purpose, and when; `None` is no consent.
    #[must_use]
    pub fn consent(&self, channel: Channel, purpose: ConsentPurpose) -> Option<&Latest<Consent>> {
        self.permissions()
            .filter_map(|permissions| permissions.consents.iter().find(|(key, _)| *key == (channel, purpose)))
            .map(|(_, consent)| consent)
            .fold(None, |held, consent| Latest::later(held, Some(consent)))
    }

    /// Whether the last word on the channel is an opt-out. A later grant or preference lifts it.
    #[must_use]
    pub fn opted_out(&self, channel: Channel) -> bool {
        self.permissions()
            .flat_map(|permissions| &permissions.opted_out)
            .filter(|(held, _)| *held == channel)
            .fold(None, |held, (_, said)| Latest::later(held, Some(said)))
            .is_some_and(|said| said.value)
    }

    /// Whether an address of the channel bounced for good, complained or was erased.
    #[must_use]
    pub fn suppressed(&self, channel: Channel) -> bool {
        self.records
            .iter()
            .any(|record| record.suppressed >> (channel as u8) & 1 == 1)
    }

    /// Whether an alias of the kind that the channel needs is in the set.
    #[must_use]
    pub fn reachable(&self, channel: Channel) -> bool {
        let has = |kind| self.records.iter().any(|record| record.kind == kind && !record.erased);
        match channel {
            Channel::Email => has(IdentityKeyKind::Email),
            Channel::Sms => has(IdentityKeyKind::Phone),
            Channel::Push => has(IdentityKeyKind::Push),
            Channel::InApp | Channel::Webhook => {
                let known = |alias: &Alias| !alias.is_session() && self.state.records.get(alias).is_some();
                self.aliases.iter().any(known)
            }
            Channel::None => true,
            Channel::Unspecified => false,
        }
    }

    /// Sends of the channel (of all where `None`) later than `window_seconds` before `now`. Counts to the bound of
    /// the record, 32 per alias.
    #[must_use]
    pub fn sends_within(&self, channel: Option<Channel>, window_seconds: u32, now: Micros) -> u32 {
        let start = window_start(now, window_seconds);
        let marks = self.contacts().flat_map(|contacts| &contacts.sends);
        let within = marks.filter(|send| send.time > start && channel.is_none_or(|channel| channel == send.channel));
        count(within.count())
    }

    /// Issues of the offer later than `window_seconds` before `now`, to the bound of 16 per alias.
    #[must_use]
    pub fn offers_within(&self, offer_id: &str, window_seconds: u32, now: Micros) -> u32 {
        let start = window_start(now, window_seconds);
        let offer = short_hash([offer_id]);
        let marks = self.contacts().flat_map(|contacts| &contacts.offers);
        count(marks.filter(|mark| mark.time > start && mark.offer == offer).count())
    }

    /// The holdout arm of the earliest decision of any of the aliases; `None` before the first draw.
    #[must_use]
    pub fn holdout(&self) -> Option<bool> {
        self.records
            .iter()
            .filter_map(|record| record.arm)
            .min()
            .map(|(_, holdout)| holdout)
    }

    /// Whether the person withdrew consent to profiling, for any channel.
    #[must_use]
    pub fn profiling_objected(&self) -> bool {
        let channels = (0..CHANNELS).filter_map(|number| Channel::try_from(i32::try_from(number).ok()?).ok());
        channels.into_iter().any(|channel| {
            self.consent(channel, ConsentPurpose::Profiling)
                .is_some_and(|consent| consent.value.state == ConsentState::Withdrawn)
        })
    }

    /// Zones the person may be in: the preferred one and those of the devices, each once, in alias order.
    #[must_use]
    pub fn time_zones(&self) -> SmallVec<[Tz; 4]> {
        let mut zones = SmallVec::new();
        for profile in self.profiles() {
            for zone in [profile.preferred_zone, profile.device_zone].into_iter().flatten() {
                if !zones.contains(&zone.value) {
                    zones.push(zone.value);
                }
            }
        }
        zones
    }

    /// The person's language (BCP 47): the one said, else the device's.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        let latest = |read: fn(&Profile) -> Option<&Latest<Tag>>| {
            self.profiles().filter_map(read).max_by_key(|language| language.stamp)
        };
        let said = latest(|profile| profile.language.as_ref());
        let language = said.or_else(|| latest(|profile| profile.locale.as_ref()))?;
        Some(language.value.as_str())
    }

    /// Whether any of the aliases was erased.
    #[must_use]
    pub fn erased(&self) -> bool {
        self.records.iter().any(|record| record.erased)
    }

    /// Whether the pace of the last hour of activity is beyond a person's.
    #[must_use]
    pub fn suspected_robot(&self) -> bool {
        self.activities()
            .any(|activity| activity.pace() >= ROBOT_STEPS_PER_HOUR)
    }

    /// Whether so many payments of the last visit failed that somebody may be trying out stolen cards.
    #[must_use]
    pub fn suspected_card_testing(&self) -> bool {
        let failed = |moment: &&Moment| moment.step == Step::FailedPayment;
        let kept = self.activities().flat_map(|activity| &activity.moments).filter(failed);
        // Nearly nobody has any: the visit need not be looked for.
        kept.count() >= CARD_TESTS && self.last_visit().into_iter().filter(failed).count() >= CARD_TESTS
    }

    /// The newest moments with no pause above half an hour between them, newest first.
    pub(crate) fn last_visit(&self) -> SmallVec<[&Moment; 32]> {
        let mut moments: SmallVec<[&Moment; 32]> = self.activities().flat_map(|activity| &activity.moments).collect();
        moments.sort_unstable_by_key(|moment| Reverse((moment.time, moment.tie)));
        let gap = moments.windows(2).position(|pair| match pair {
            [newer, older] => newer.time.seconds_since(older.time) > GAP_SECONDS,
            _ => false,
        });
        moments.truncate(gap.map_or(moments.len(), |gap| gap + 1));
        moments
    }

    /// A key of another customer who may well be the same person: they have a device and an address in common, though
    /// neither is enough to link them, and the shop has not said that they are two.
    #[must_use]
    pub fn suspect(&self) -> Option<Alias> {
        self.state.suspect(&self.aliases)
    }

    /// Whether the cart was ordered: by an order that names it, or by one of this customer that shares a line with it,
    /// with no change of the cart since.
    #[must_use]
    pub fn ordered(&self, cart: &Cart) -> bool {
        let changed = cart.changed();
        cart.ordered_itself()
            || self
                .activities()
                .flat_map(|activity| &activity.recent_orders)
                .any(|order| {
                    changed.is_some_and(|changed| order.stamp.time >= changed.time) && cart.shares(&order.products)
                })
    }

    pub(crate) fn contacts(&self) -> impl Iterator<Item = &Contacts> {
        self.records.iter().filter_map(|record| record.contacts.as_deref())
    }

    pub(crate) fn activities(&self) -> impl Iterator<Item = &Activity> {
        self.records.iter().filter_map(|record| record.activity.as_deref())
    }

    pub(crate) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.records.iter().filter_map(|record| record.profile.as_deref())
    }

    fn permissions(&self) -> impl Iterator<Item = &Permissions> {
        self.records.iter().filter_map(|record| record.permissions.as_deref())
    }
}

fn window_start(now: Micros, window_seconds: u32) -> Micros {
    Micros(
        now.0
            .saturating_sub(i64::from(window_seconds).saturating_mul(1_000_000)),
    )
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
