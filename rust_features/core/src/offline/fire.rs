//! What falls due: deadlines become decisions, touches are confirmed and taken as sent.

use std::sync::Arc;

use prost::Message;

use super::Offline;
use super::touches::Due;
use crate::bundle::Bundle;
use crate::confirm::{Verdict, confirm};
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    Channel, ConfirmRequest, DecisionRecord, Event, JournalMessage, MessageOutcome, MessageSent, MessageSkipped, Reason,
};
use crate::decide::{alias_key, chosen, fire, to_message};
use crate::ids::{DecisionId, EventId};
use crate::state::{Deadline, decision_id};
use crate::time::Micros;

/// Who an offline run's sends are handed to.
const PROVIDER: &str = "offline";

impl Offline {
    /// Fires everything due up to `until`, in the order of time; deadlines before touches of the same time.
    pub fn advance(&mut self, until: Micros) {
        self.clock = self.clock.max(until);
        let Some(bundle) = &self.bundle else { return };
        // The clock steps to every deadline, so that none is ever too old to be decided.
        let seconds = bundle.rules.abandonment_seconds();
        let due = self.state.take_due(until, seconds);
        let touch_due = |next: Option<Micros>| next.filter(|time| *time <= until);
        if due.is_empty() && touch_due(self.touches.next_time()).is_none() {
            return;
        }
        let bundle = bundle.clone();
        let mut deadlines = due.as_slice();
        loop {
            let touch = touch_due(self.touches.next_time());
            match (deadlines.first().map(|deadline| deadline.time), touch) {
                (Some(deadline), touch) if touch.is_none_or(|touch| deadline <= touch) => {
                    let (now, later) = deadlines.split_at(deadlines.partition_point(|next| next.time <= deadline));
                    self.decide_abandoned(&bundle, now);
                    deadlines = later;
                }
                (_, Some(_)) => self.serve_next(&bundle),
                (_, None) => break,
            }
        }
    }

    /// The time of the next deadline or due touch; `None` where nothing is pending or nothing is decided.
    #[must_use]
    pub fn next_due(&self) -> Option<Micros> {
        let seconds = self.bundle.as_ref()?.rules.abandonment_seconds();
        let deadline = self.state.next_deadline(seconds);
        deadline.into_iter().chain(self.touches.next_time()).min()
    }

    fn decide_abandoned(&mut self, bundle: &Bundle, due: &[Deadline]) {
        for deadline in due {
            self.counter.abandon(deadline.cart);
        }
        for record in fire(&self.state, bundle, due, &self.keys.decision) {
            self.take(record);
        }
    }

    /// Keeps and folds a decision, and schedules its touch if it has one.
    fn take(&mut self, record: DecisionRecord) {
        let action = chosen(&record).and_then(|chosen| chosen.action.as_ref());
        let contact = action.filter(|action| action.channel() != Channel::None);
        let send_time = contact
            .and_then(|action| action.send_time.as_ref())
            .map(Micros::from_timestamp);
        if let (Some(time), Some(id)) = (send_time, decision_id(&record)) {
            self.touches.schedule(time, id, 0);
        }
        let message = to_message(record);
        self.fold(&message);
        if let Some(Content::Decision(record)) = &message.content {
            self.decisions.push(self.encoded(record));
        }
    }

    /// A record just folded; the state holds it in serialised form.
    fn encoded(&self, record: &DecisionRecord) -> Vec<u8> {
        let held = decision_id(record).and_then(|id| self.state.decision(&id));
        let own = held.filter(|held| held.sequence == self.state.sequence());
        own.map_or_else(|| record.encode_to_vec(), |own| own.encoded().to_vec())
    }

    fn serve_next(&mut self, bundle: &Bundle) {
        let Some(due) = self.touches.take_next() else { return };
        let request = ConfirmRequest {
            decision_id: due.decision.to_string(),
            minimum_sequence: 0,
            touch: due.touch,
            claimed: false,
        };
        // A decision that the state has dropped is too old for anything to be sent.
        let Ok(verdict) = confirm(&self.state, bundle, &request, due.time, &self.keys) else {
            return;
        };
        match verdict {
            Verdict::Go(_) => self.send(bundle, due),
            Verdict::WaitUntil { time, .. } => self.touches.schedule(time, due.decision, due.touch),
            Verdict::Skip(reason) => self.skip(bundle, due, reason),
            // Nobody approves anything offline.
            Verdict::Held => self.skip(bundle, due, Reason::HeldForApproval),
            Verdict::DecidedAnew { record, repeated } => {
                if !repeated {
                    self.take(*record);
                }
            }
        }
    }

    /// Takes a touch as sent and schedules the one after it.
    fn send(&mut self, bundle: &Bundle, due: Due) {
        let sent = MessageSent {
            claimed_sequence: self.state.sequence(),
            sent_time: Some(due.time.to_timestamp()),
            ..MessageSent::default()
        };
        if let Some(storefront) = self.report(due, Outcome::Sent(sent)) {
            self.schedule_later_touch(bundle, &storefront, due);
        }
    }

    /// Ends a touch with the reason. A later touch that gets no decision has no send, so there is nothing to report.
    fn skip(&mut self, bundle: &Bundle, due: Due, reason: Reason) {
        if due.touch > 0 {
            return;
        }
        let ends_sequence = Verdict::ends_sequence(reason);
        let skipped = MessageSkipped {
            reason: reason.into(),
            ends_sequence,
        };
        if let Some(storefront) = self.report(due, Outcome::Skipped(skipped))
            && !ends_sequence
        {
            self.schedule_later_touch(bundle, &storefront, due);
        }
    }

    fn schedule_later_touch(&mut self, bundle: &Bundle, storefront: &str, due: Due) {
        let Some(decided) = self.state.decision(&due.decision) else {
            return;
        };
        let settings = bundle.rules.storefront(storefront);
        if decided.touch < settings.max_touches {
            let next = due.time.plus_seconds(settings.touch_gap_seconds);
            self.touches
                .schedule(next, due.decision, decided.touch.saturating_add(1));
        }
    }

    /// Keeps and folds what became of a decision's own touch; gives its storefront.
    fn report(&mut self, due: Due, outcome: Outcome) -> Option<Arc<str>> {
        let decided = self.state.decision(&due.decision)?;
        let storefront = Arc::clone(&decided.storefront);
        let outcome = MessageOutcome {
            decision_id: due.decision.to_string(),
            send_id: decided.send.to_string(),
            channel: decided.action.channel,
            touch: decided.touch,
            provider: PROVIDER.to_owned(),
            provider_message_id: String::new(),
            outcome: Some(outcome),
        };
        self.sends.push(outcome.encode_to_vec());
        let event = Event {
            event_id: self.outcome_id(due.decision).to_string(),
            storefront_id: storefront.to_string(),
            event_time: Some(due.time.to_timestamp()),
            kind: Some(Kind::MessageOutcome(outcome)),
            ..Event::default()
        };
        let message = JournalMessage {
            received_time: Some(due.time.to_timestamp()),
            identity_keys: decided.aliases.iter().copied().map(alias_key).collect(),
            imported: false,
            content: Some(Content::Event(event)),
        };
        self.fold(&message);
        Some(storefront)
    }

    fn outcome_id(&self, decision: DecisionId) -> EventId {
        EventId(self.seed.hash("outcome", &[&decision.0]))
    }
}
