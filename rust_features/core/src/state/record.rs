//! What is kept of one alias. The rare parts are boxed, so that an alias that is only an address stays small.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::decay::{Counter, Decayed};
use super::links::Edge;
use super::profile::Profile;
use super::stamp::{Latest, Stamp};
use crate::contract::{Channel, ConsentPurpose, ConsentState, DoubleOptIn, IdentityKeyKind, LegalBasis};
use crate::ids::{Alias, Token};
use crate::time::Micros;

/// Channels by their number in the contract.
pub const CHANNELS: usize = 7;
/// Recent moments kept per record; the oldest goes first.
pub const RECENT_MOMENTS: usize = 16;
/// Orders kept per record; the oldest goes first.
pub const RECENT_ORDERS: usize = 8;
/// Sends kept per record for cap windows; the oldest goes first.
pub const RECENT_SENDS: usize = 32;
/// Offers kept per record for cap windows; the oldest goes first.
pub const RECENT_OFFERS: usize = 16;

/// What the journal says of one alias.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) kind: IdentityKeyKind,
    pub(crate) erased: bool,
    /// Bit per channel number.
    pub(crate) suppressed: u8,
    /// The earliest holdout draw.
    pub(crate) arm: Option<(Stamp, bool)>,
    pub(crate) edges: Vec<Edge>,
    /// Where it acts and others do too, by token.
    pub(super) places: Option<Box<SmallVec<[Token; 2]>>>,
    pub(crate) activity: Option<Box<Activity>>,
    pub(crate) profile: Option<Box<Profile>>,
    pub(crate) permissions: Option<Box<Permissions>>,
    pub(crate) contacts: Option<Box<Contacts>>,
}

impl Record {
    pub(crate) fn new(kind: IdentityKeyKind) -> Self {
        Self {
            kind,
            erased: false,
            suppressed: 0,
            arm: None,
            edges: Vec::new(),
            places: None,
            activity: None,
            profile: None,
            permissions: None,
            contacts: None,
        }
    }

    pub(crate) fn activity_mut(&mut self, time: Micros) -> &mut Activity {
        let activity = self.activity.get_or_insert_with(|| Box::new(Activity::new(time)));
        activity.first = activity.first.min(time);
        activity
    }

    /// The time of the last step of a visit that is kept.
    pub(crate) fn last_step(&self) -> Option<Micros> {
        let moments = &self.activity.as_ref()?.moments;
        moments.last().map(|moment| moment.time)
    }

    /// Forgets the steps of visits; what they added up to stays.
    pub(crate) fn forget_steps(&mut self) {
        if let Some(activity) = &mut self.activity {
            activity.moments = Vec::new();
        }
    }

    pub(crate) fn profile_mut(&mut self) -> &mut Profile {
        self.profile.get_or_insert_default()
    }

    pub(crate) fn permissions_mut(&mut self) -> &mut Permissions {
        self.permissions.get_or_insert_default()
    }

    pub(crate) fn contacts_mut(&mut self) -> &mut Contacts {
        self.contacts.get_or_insert_default()
    }
}

/// What the person did in the shop.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) decayed: Decayed,
    pub(crate) first: Micros,
    /// Since ever.
    pub(crate) orders: u32,
    pub(crate) redemptions: u32,
    /// The newest [`RECENT_MOMENTS`], oldest first.
    pub(crate) moments: Vec<Moment>,
    /// The newest [`RECENT_ORDERS`], oldest first.
    pub(crate) recent_orders: Vec<OrderMark>,
}

impl Activity {
    fn new(time: Micros) -> Self {
        Self {
            decayed: Decayed::new(time),
            first: time,
            orders: 0,
            redemptions: 0,
            moments: Vec::new(),
            recent_orders: Vec::new(),
        }
    }

    pub(crate) fn last(&self) -> Micros {
        self.decayed.landmark()
    }

    pub(crate) fn last_order(&self) -> Option<Micros> {
        self.recent_orders.last().map(|order| order.stamp.time)
    }

    /// Views and additions, halving each hour, as of the last event.
    pub(crate) fn pace(&self) -> f32 {
        self.decayed.counter(Counter::Views)[0] + self.decayed.counter(Counter::Adds)[0]
    }
}

/// One step of a visit. The order is total: whichever of two steps of one time arrives first, they stand alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) time: Micros,
    /// Of the event's stamp, cut.
    #[serde(with = "postcard::fixint::le")]
    pub(crate) tie: u32,
    /// Hash of the product, 0 where none is named.
    #[serde(with = "postcard::fixint::le")]
    pub(crate) item: u32,
    /// Hash of the category path, 0 where none is named.
    #[serde(with = "postcard::fixint::le")]
    pub(crate) category: u32,
    pub(crate) dwell_seconds: u16,
    pub(crate) step: Step,
}

/// What a [`Moment`] was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    View,
    Add,
    Remove,
    Checkout,
    FailedPayment,
}

/// A completed order, for the carts that it settles.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct OrderMark {
    pub(crate) stamp: Stamp,
    /// Product hashes of its lines, sorted.
    pub(crate) products: Box<[u32]>,
}

/// A person's choice for one channel and purpose.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// Granted or withdrawn.
    pub state: ConsentState,
    /// What the grant rests on.
    pub legal_basis: LegalBasis,
    /// How far the address was confirmed.
    pub double_opt_in: DoubleOptIn,
}

/// Consent and opt-outs.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Permissions {
    /// One entry per channel and purpose, sorted by both, each as of when the person chose.
    pub(crate) consents: Vec<((Channel, ConsentPurpose), Latest<Consent>)>,
    /// The latest word on each channel, sorted by it: true for out.
    pub(crate) opted_out: Vec<(Channel, Latest<bool>)>,
}

/// What was sent to the person and what came of it.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Contacts {
    pub(crate) channels: [ChannelContacts; CHANNELS],
    /// The newest [`RECENT_SENDS`], oldest first.
    pub(crate) sends: Vec<SendMark>,
    /// The newest [`RECENT_OFFERS`], oldest first.
    pub(crate) offers: Vec<OfferMark>,
}

/// Counts of one channel.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct ChannelContacts {
    pub(crate) sends: u32,
    pub(crate) opens: u32,
    pub(crate) clicks: u32,
    pub(crate) last_click: Option<Micros>,
}

/// One claimed send.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct SendMark {
    pub(crate) time: Micros,
    /// First bytes of the send id.
    pub(crate) send: u64,
    pub(crate) channel: Channel,
}

/// One offer given to the person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct OfferMark {
    pub(crate) time: Micros,
    pub(crate) offer: u64,
    /// First bytes of the decision id.
    pub(crate) decision: u64,
}

/// Inserts into a sorted list of bounded length; the smallest goes first at the bound.
pub(crate) fn keep_newest<T, K: Ord>(list: &mut Vec<T>, limit: usize, entry: T, key: impl Fn(&T) -> K) {
    let place = list.partition_point(|held| key(held) <= key(&entry));
    if list.len() < limit {
        if list.len() == list.capacity() {
            list.reserve_exact(list.len().clamp(1, 4));
        }
        list.insert(place, entry);
    } else if place > 0 {
        list[..place].rotate_left(1);
        list[place - 1] = entry;
    }
}

/// The first eight bytes of an id, for places where a clash is harmless.
pub(crate) fn short_id(id: [u8; 16]) -> u64 {
    let mut short = [0; 8];
    short.copy_from_slice(&id[..8]);
    u64::from_le_bytes(short)
}

/// A person's key as a message gives it, once it has an alias.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) kind: IdentityKeyKind,
    pub(crate) alias: Alias,
    /// The strongest key of the message was seen together with it before.
    pub(crate) met: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_whatever_the_order() {
        let mut forward = Vec::new();
        let mut backward = Vec::new();
        for entry in 0..10 {
            keep_newest(&mut forward, 4, entry, |entry| *entry);
            keep_newest(&mut backward, 4, 9 - entry, |entry| *entry);
        }
        assert_eq!(forward, [6, 7, 8, 9]);
        assert_eq!(backward, forward);
    }
}
