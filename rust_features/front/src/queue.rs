//! Whether a call is still worth its turn, by how long it waited. A burst may wait: it will be worked off. A queue that
//! has not been empty for a while will not go away by itself, and all who join it wait for nothing.

use std::time::{Duration, Instant};

use cart_recovery_core::contract::Reason;
use cart_recovery_core::refusal::Refusal;
use parking_lot::Mutex;

/// A queue that has not been empty for so long stands, unless queues stood shortly before.
const PATIENCE: Duration = Duration::from_millis(100);
/// So long after its last change, patience doubles where nobody was refused.
const EASED_AFTER: Duration = Duration::from_millis(100);
/// A refused call comes back no sooner.
const LEAST_RETRY: Duration = Duration::from_millis(100);

/// The calls that wait for one front.
pub struct CallQueue(Mutex<Queue>);

struct Queue {
    /// How long a call of a burst may wait.
    burst_budget: Duration,
    standing_budget: Duration,
    /// When last nobody waited.
    empty: Instant,
    /// Whether a call was refused since.
    refused: bool,
    /// How long the queue may be there before it stands: half as long after each one that had calls refused.
    patience: Duration,
    /// When that changed last.
    changed: Instant,
}

impl CallQueue {
    /// An empty queue. A call of a burst may wait for `burst_budget`, one that meets a queue which stands for
    /// `standing_budget`, or for as long where there is none.
    #[must_use]
    pub fn new(burst_budget: Duration, standing_budget: Option<Duration>) -> Self {
        let standing_budget = standing_budget.map_or(burst_budget, |budget| budget.min(burst_budget));
        Self(Mutex::new(Queue::empty_at(
            Instant::now(),
            burst_budget,
            standing_budget,
        )))
    }

    /// Nobody waits at this moment.
    pub fn found_empty(&self) {
        self.0.lock().found_empty(Instant::now());
    }

    /// When last nobody waited.
    #[must_use]
    pub fn last_empty(&self) -> Instant {
        self.0.lock().empty
    }

    /// Refuses a call that `waited` for its turn longer than the burst budget, or than the standing budget where the queue
    /// stands: one that was there for 100 ms when the call came, or under overload, where queues go and come back, for
    /// less.
    ///
    /// # Errors
    /// `REASON_OVERLOADED`, with a time to come back no shorter than the wait.
    pub fn admit(&self, waited: Duration) -> Result<(), Refusal> {
        if self.0.lock().admits(Instant::now(), waited) {
            return Ok(());
        }
        Err(Refusal::new(Reason::Overloaded).retry_after(waited.max(LEAST_RETRY)))
    }
}

impl Queue {
    fn empty_at(now: Instant, burst_budget: Duration, standing_budget: Duration) -> Self {
        Self {
            burst_budget,
            standing_budget,
            empty: now,
            refused: false,
            patience: PATIENCE,
            changed: now,
        }
    }

    fn found_empty(&mut self, now: Instant) {
        self.empty = now;
        if std::mem::take(&mut self.refused) {
            self.patience = PATIENCE.min(self.standing_budget).max(self.patience / 2);
            self.changed = now;
        } else if now - self.changed > EASED_AFTER {
            self.patience = PATIENCE.min(self.patience * 2);
            self.changed = now;
        }
    }

    fn admits(&mut self, now: Instant, waited: Duration) -> bool {
        // As the call found it.
        let stood = (now - self.empty).saturating_sub(waited) > self.patience;
        let budget = if stood { self.standing_budget } else { self.burst_budget };
        self.refused |= waited > budget;
        waited <= budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const BURST_BUDGET: Duration = Duration::from_millis(50);
    const STANDING_BUDGET: Duration = Duration::from_millis(5);
    /// More than a call may wait in a standing queue.
    const TOO_LONG: Duration = Duration::from_millis(6);

    fn queue() -> Queue {
        Queue::empty_at(Instant::now(), BURST_BUDGET, STANDING_BUDGET)
    }

    /// Whether a queue that has been there for so long lets a call in that has `waited`.
    fn joins(queue: &mut Queue, there_for: Duration, waited: Duration) -> bool {
        queue.admits(queue.empty + there_for, waited)
    }

    #[test]
    fn a_burst_may_wait_and_is_told_to_come_back_later() {
        let queue = CallQueue::new(BURST_BUDGET, None);
        queue.admit(BURST_BUDGET).unwrap();
        let refused = queue.admit(BURST_BUDGET + MILLI).unwrap_err();
        assert_eq!(refused.reason, Reason::Overloaded);
        assert_eq!(refused.retry_after, Some(LEAST_RETRY));
    }

    #[test]
    fn whoever_joins_a_standing_queue_hardly_waits() {
        let mut queue = queue();
        assert!(joins(&mut queue, 2 * PATIENCE, STANDING_BUDGET));
        assert!(joins(&mut queue, PATIENCE + TOO_LONG, TOO_LONG));
        assert!(!joins(&mut queue, PATIENCE + TOO_LONG + MILLI, TOO_LONG));
        queue.found_empty(queue.empty + 2 * PATIENCE);
        assert!(joins(&mut queue, BURST_BUDGET, BURST_BUDGET));
    }

    #[test]
    fn one_stall_after_a_long_rest_is_no_standing_queue() {
        let stall = 40 * MILLI;
        assert!(joins(&mut queue(), stall, stall));
    }

    /// Lets the queue be there for as long as patience allows, and go.
    fn queue_stands(queue: &mut Queue) {
        let there_for = queue.patience + TOO_LONG + MILLI;
        assert!(!joins(queue, there_for, TOO_LONG));
        assert!(!joins(queue, there_for, TOO_LONG));
        queue.found_empty(queue.empty + there_for);
    }

    #[test]
    fn queues_that_come_back_stand_sooner() {
        let mut queue = queue();
        for patience in [PATIENCE, PATIENCE / 2, PATIENCE / 4] {
            assert_eq!(queue.patience, patience);
            queue_stands(&mut queue);
        }
        for _ in 0..9 {
            queue_stands(&mut queue);
        }
        assert_eq!(queue.patience, STANDING_BUDGET);
    }

    #[test]
    fn patience_comes_back_also_where_a_queue_stands_now_and_then() {
        let mut queue = queue();
        for _ in 0..9 {
            queue_stands(&mut queue);
        }
        // A machine that stalls once a second, beside a load that it can bear.
        for rest in 0..100 {
            if rest % 10 == 0 {
                queue_stands(&mut queue);
            }
            queue.found_empty(queue.empty + EASED_AFTER + MILLI);
        }
        assert_eq!(queue.patience, PATIENCE);
    }
}
