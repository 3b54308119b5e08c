//! Outcomes of decisions: an order of the same customer that shares a line with the cart, within the attribution window
//! after the abandonment (the decision where there was none); and whether a message went out.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::rows::Row;
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{DecisionRecord, JournalMessage, MessageOutcome, OrderCompleted};
use crate::fold::{nameless_session, order_products, order_value_minor};
use crate::ids::{Alias, CartId, DecisionId};
use crate::state::{Cart, HORIZON_SECONDS, State, decision_id, request_cart};
use crate::time::Micros;

/// What is watched for each row.
struct Watch {
    decision: Option<DecisionId>,
    /// Of the decision's message.
    sequence: u64,
    start: Micros,
    end: Micros,
    cart: Option<CartId>,
    products: SmallVec<[u32; 8]>,
    sent_by: Option<DecisionId>,
    /// Time and value of the first order that recovers the cart.
    order: Option<(Micros, i64)>,
}

/// The outcomes of all rows read so far.
pub(super) struct Labels {
    window_seconds: u32,
    watches: Vec<Watch>,
    by_alias: FxHashMap<Alias, Vec<usize>>,
    by_send: FxHashMap<String, Vec<usize>>,
}

impl Labels {
    pub(super) fn new(window_seconds: u32) -> Self {
        Self {
            window_seconds,
            watches: Vec::new(),
            by_alias: FxHashMap::default(),
            by_send: FxHashMap::default(),
        }
    }

    /// Watches the outcome of the next row.
    pub(super) fn watch(
        &mut self,
        sequence: u64,
        record: &DecisionRecord,
        clock: Micros,
        aliases: &[Alias],
        cart: &Cart,
    ) {
        let row = self.watches.len();
        let start = record.abandonment_time.as_ref().map_or(clock, Micros::from_timestamp);
        let mut products: SmallVec<[u32; 8]> = cart.lines().map(crate::state::CartLine::product_hash).collect();
        products.sort_unstable();
        self.watches.push(Watch {
            decision: decision_id(record),
            sequence,
            start,
            end: start.plus_seconds(self.window_seconds),
            cart: record.request.as_ref().and_then(request_cart),
            products,
            sent_by: None,
            order: None,
        });
        for alias in aliases {
            self.by_alias.entry(*alias).or_default().push(row);
        }
        self.by_send.entry(record.send_id.clone()).or_default().push(row);
    }

    /// Takes note of a message that was just folded.
    pub(super) fn hear(&mut self, state: &State, message: &JournalMessage) {
        let Some(Content::Event(event)) = &message.content else {
            return;
        };
        match &event.kind {
            Some(Kind::OrderCompleted(order)) => {
                let received = message.received_time.as_ref().map(Micros::from_timestamp);
                let received = received.unwrap_or(state.journal_time());
                let time = event
                    .event_time
                    .as_ref()
                    .map_or(received, |time| Micros::from_timestamp(time).min(received));
                self.hear_order(state, message, &event.storefront_id, order, time);
            }
            Some(Kind::MessageOutcome(outcome)) if matches!(outcome.outcome, Some(Outcome::Sent(_))) => {
                self.hear_sent(state, outcome);
            }
            _ => {}
        }
    }

    /// A message reaches every decision of its send key, but none that was superseded by key or forgotten.
    fn hear_sent(&mut self, state: &State, outcome: &MessageOutcome) {
        let sent_by = DecisionId::from_hex(&outcome.decision_id);
        for row in self.by_send.get(&outcome.send_id).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*row) else {
                continue;
            };
            let held = watch.decision.and_then(|decision| state.decision(&decision));
            if held.is_some_and(|held| held.sequence == watch.sequence) {
                watch.sent_by = sent_by;
            }
        }
    }

    fn hear_order(
        &mut self,
        state: &State,
        message: &JournalMessage,
        storefront: &str,
        order: &OrderCompleted,
        time: Micros,
    ) {
        let keys = message.identity_keys.iter();
        let given: SmallVec<[Alias; 8]> = keys
            .filter_map(|key| Alias::from_bytes(&key.alias))
            .chain(nameless_session(message))
            .collect();
        let products = order_products(storefront, order);
        let cart = CartId::from_hex(&order.cart_id);
        for alias in state.linked(&given) {
            let Some(rows) = self.by_alias.get_mut(&alias) else {
                continue;
            };
            rows.retain(|row| {
                self.watches
                    .get(*row)
                    .is_some_and(|watch| state.journal_time() <= watch.end.plus_seconds(HORIZON_SECONDS))
            });
            for row in rows {
                let Some(watch) = self.watches.get_mut(*row) else {
                    continue;
                };
                let shares = watch
                    .products
                    .iter()
                    .any(|product| products.binary_search(product).is_ok());
                let same = shares || (cart.is_some() && cart == watch.cart);
                let within = watch.start <= time && time <= watch.end;
                if same && within && watch.order.is_none_or(|(earlier, _)| time < earlier) {
                    watch.order = Some((time, order_value_minor(order)));
                }
            }
        }
    }

    /// Writes the outcome into the row with this place in the order of reading.
    pub(super) fn settle(&self, place: usize, journal_time: Micros, row: &mut Row) {
        let Some(watch) = self.watches.get(place) else { return };
        row.contacted = watch.sent_by.is_some() && watch.sent_by == watch.decision;
        row.sent_by = watch.sent_by;
        row.recovered = watch.order.is_some();
        row.order_value_minor = watch.order.map(|(_, value)| value);
        row.recovered_seconds = watch.order.map(|(time, _)| time.seconds_since(watch.start));
        row.observed_seconds = journal_time
            .seconds_since(watch.start)
            .clamp(0.0, f64::from(self.window_seconds));
    }
}
