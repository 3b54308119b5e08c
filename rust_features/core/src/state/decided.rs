//! Decisions taken: what Confirm and a repeated answer need.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use prost::Message;

use super::encoded;
use super::names::Storefronts;
use super::stamp::{Latest, Stamp};
use crate::contract::{self, Reason};
use crate::ids::{Alias, CartId, DecisionId, SendId};
use crate::time::Micros;

/// How long a decision is kept, in journal time.
pub const DECISION_RETENTION_SECONDS: u32 = 14 * 86_400;
/// How many decisions are kept at most; the oldest goes first.
pub const MAX_DECISIONS: usize = 1 << 20;

/// A person's word on a decision that was held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Approval {
    /// It waits for a person.
    Held,
    /// It may go.
    Approved,
    /// It may not go.
    Rejected,
    /// Nobody answered in time.
    Expired,
}

/// How far the send of a decision has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing was heard of it.
    Decided,
    /// The dispatcher will ask for it at this time.
    Scheduled(Micros),
    /// It was not sent, for this reason.
    Skipped(Reason),
    /// It was claimed: sent, failed or unknown. It is never sent again.
    Claimed,
}

/// A decision as folded.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Decided {
    /// Sequence of its message.
    pub sequence: u64,
    /// Its send key.
    pub send: SendId,
    /// The storefront that was asked for.
    pub storefront: Arc<str>,
    /// What caused it, as the contract numbers it.
    pub trigger: i32,
    /// The channels that were asked for; empty is all.
    pub channels: Box<[i32]>,
    /// The cart it is about.
    pub cart: CartId,
    /// Which touch it decides, from 1.
    pub touch: u32,
    /// Its clock reading.
    pub clock: Micros,
    /// The abandonment it belongs to.
    pub abandonment_time: Option<Micros>,
    /// The linked aliases it saw, in alias order.
    pub aliases: Box<[Alias]>,
    /// The action chosen; "none" included.
    #[serde(with = "encoded")]
    pub action: contract::Action,
    /// Whether the customer was held out.
    pub holdout: bool,
    /// A decision for a later version of the cart replaced it.
    pub superseded: bool,
    scheduled: Option<Latest<Micros>>,
    skipped: Option<Latest<Reason>>,
    claimed: bool,
    sent_time: Option<Micros>,
    approval: Option<Latest<Approval>>,
    record: Box<[u8]>,
}

impl Decided {
    /// Keeps a record. Fields that are no ids read as zeros: such a decision answers to nobody.
    pub(crate) fn new(sequence: u64, record: &contract::DecisionRecord, storefronts: &mut Storefronts) -> Self {
        let chosen = usize::try_from(record.chosen)
            .ok()
            .and_then(|chosen| record.candidates.get(chosen));
        let request = record.request.as_ref();
        let cart = request.and_then(request_cart);
        Self {
            sequence,
            send: SendId::from_hex(&record.send_id).unwrap_or(SendId([0; 16])),
            storefront: storefronts.shared(request.map_or("", |request| &request.storefront_id)),
            trigger: request.map_or(0, |request| request.trigger),
            channels: request.map_or_else(Box::default, |request| request.channels.as_slice().into()),
            cart: cart.unwrap_or(CartId([0; 16])),
            touch: record.touch,
            clock: record.clock.as_ref().map(Micros::from_timestamp).unwrap_or_default(),
            abandonment_time: record.abandonment_time.as_ref().map(Micros::from_timestamp),
            aliases: record
                .aliases
                .iter()
                .filter_map(|alias| Alias::from_bytes(alias))
                .collect(),
            action: chosen
                .and_then(|candidate| candidate.action.clone())
                .unwrap_or_default(),
            holdout: record.holdout,
            superseded: false,
            scheduled: None,
            skipped: None,
            claimed: false,
            sent_time: None,
            approval: None,
            record: record.encode_to_vec().into(),
        }
    }

    /// The record as it was decided.
    #[must_use]
    pub fn record(&self) -> contract::DecisionRecord {
        contract::DecisionRecord::decode(self.record.as_ref()).unwrap_or_default()
    }

    /// The same, serialised.
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.record
    }

    /// How far its send has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match (self.claimed, &self.skipped, &self.scheduled) {
            (true, _, _) => Progress::Claimed,
            (false, Some(skipped), _) => Progress::Skipped(skipped.value),
            (false, None, Some(scheduled)) => Progress::Scheduled(scheduled.value),
            (false, None, None) => Progress::Decided,
        }
    }

    /// When it was sent, if it was.
    #[must_use]
    pub fn sent_time(&self) -> Option<Micros> {
        self.sent_time
    }

    /// A person's last word on it, if it was held.
    #[must_use]
    pub fn approval(&self) -> Option<Approval> {
        self.approval.as_ref().map(|approval| approval.value)
    }

    pub(crate) fn schedule(&mut self, due: Micros, stamp: Stamp) {
        Latest::offer(&mut self.scheduled, stamp, due);
    }

    pub(crate) fn skip(&mut self, reason: Reason, stamp: Stamp) {
        Latest::offer(&mut self.skipped, stamp, reason);
    }

    pub(crate) fn claim(&mut self) {
        self.claimed = true;
    }

    pub(crate) fn send(&mut self, time: Micros) {
        self.claimed = true;
        self.sent_time = Some(self.sent_time.map_or(time, |sent| sent.min(time)));
    }

    pub(crate) fn approve(&mut self, approval: Approval, stamp: Stamp) {
        Latest::offer(&mut self.approval, stamp, approval);
    }

    /// Whether its message may still go, as far as the decision itself knows.
    pub(crate) fn pending(&self) -> bool {
        !self.claimed && self.skipped.is_none() && !self.superseded
    }
}

/// The cart a request is about: the one named, else the inline one.
#[must_use]
pub fn request_cart(request: &contract::DecisionRequest) -> Option<CartId> {
    let inline = request.cart.as_ref().and_then(|cart| CartId::from_hex(&cart.cart_id));
    CartId::from_hex(&request.cart_id).or(inline)
}

/// The id of a record; `None` where it has not the form of one.
#[must_use]
pub fn decision_id(record: &contract::DecisionRecord) -> Option<DecisionId> {
    DecisionId::from_hex(&record.decision_id)
}
