//! Whether a call is still worth its turn, by how long it waited. A burst may wait: it will be worked off. A queue that
//! has not been empty for a while will not go away by itself, and all who join it wait for nothing.

use std::time::{Duration, Instant};

use cart_recovery_core::contract::Reason;
use cart_recovery_core::refusal::Refusal;
use parking_lot::Mutex;

/// How long a call of a burst may wait.
const BURST_BUDGET: Duration = Duration::from_millis(50);
/// A queue that has not been empty for so long stands, unless queues stood shortly before.
const PATIENCE: Duration = Duration::from_millis(100);
/// Without a refusal for so long, patience is what it was.
const FORGIVEN_AFTER: Duration = Duration::from_secs(1);
/// A refused call comes back no sooner.
const LEAST_RETRY: Duration = Duration::from_millis(100);

/// The calls that wait for one front.
pub struct CallQueue {
    standing_budget: Duration,
    past: Mutex<Past>,
}

/// What the queue remembers.
struct Past {
    /// When last nobody waited.
    empty: Instant,
    /// When last a call was refused.
    refused: Option<Instant>,
    /// How long a queue may be there before it stands: half as long after each queue that had calls refused.
    patience: Duration,
}

impl CallQueue {
    /// An empty queue. While it stands, a call may wait for `standing_budget`, or as in a burst where there is none.
    #[must_use]
    pub fn new(standing_budget: Option<Duration>) -> Self {
        Self {
            standing_budget: standing_budget.unwrap_or(BURST_BUDGET),
            past: Mutex::new(Past::empty_at(Instant::now())),
        }
    }

    /// Nobody waits at this moment.
    pub fn found_empty(&self) {
        self.past.lock().found_empty(Instant::now());
    }

    /// When last nobody waited.
    #[must_use]
    pub fn last_empty(&self) -> Instant {
        self.past.lock().empty
    }

    /// Refuses a call that `waited` longer than 50 ms for its turn, or than the standing budget where the queue stands: one
    /// that was there for 100 ms when the call came, or under overload, where queues go and come back, for less.
    ///
    /// # Errors
    /// `REASON_OVERLOADED`, with a time to come back no shorter than the wait.
    pub fn admit(&self, waited: Duration) -> Result<(), Refusal> {
        if self.past.lock().admits(Instant::now(), waited, self.standing_budget) {
            return Ok(());
        }
        Err(Refusal::new(Reason::Overloaded).retry_after(waited.max(LEAST_RETRY)))
    }
}

impl Past {
    fn empty_at(now: Instant) -> Self {
        Self {
            empty: now,
            refused: None,
            patience: PATIENCE,
        }
    }

    fn found_empty(&mut self, now: Instant) {
        if self.refused.is_some_and(|refused| now - refused > FORGIVEN_AFTER) {
            *self = Self::empty_at(now);
        }
        self.empty = now;
    }

    fn admits(&mut self, now: Instant, waited: Duration, standing_budget: Duration) -> bool {
        // As the call found it.
        let stood = (now - self.empty).saturating_sub(waited) > self.patience;
        let budget = if stood { standing_budget } else { BURST_BUDGET };
        if waited <= budget {
            return true;
        }
        if self.refused.is_none_or(|refused| refused < self.empty) {
            self.patience = standing_budget.max(self.patience / 2);
        }
        self.refused = Some(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const STANDING_BUDGET: Duration = Duration::from_millis(5);

    /// Whether a call is let in that has `waited`, where the queue was empty an `age` ago.
    fn joins(past: &mut Past, age: Duration, waited: Duration) -> bool {
        past.empty += Duration::from_mins(1);
        past.admits(past.empty + age, waited, STANDING_BUDGET)
    }

    #[test]
    fn a_burst_may_wait_and_is_told_to_come_back_later() {
        let queue = CallQueue::new(Some(STANDING_BUDGET));
        queue.admit(BURST_BUDGET).unwrap();
        let refused = queue.admit(BURST_BUDGET + MILLI).unwrap_err();
        assert_eq!(refused.reason, Reason::Overloaded);
        assert_eq!(refused.retry_after, Some(LEAST_RETRY));
    }

    #[test]
    fn whoever_joins_a_standing_queue_hardly_waits() {
        let past = &mut Past::empty_at(Instant::now());
        assert!(joins(past, 2 * PATIENCE, STANDING_BUDGET));
        assert!(!joins(past, 2 * PATIENCE, STANDING_BUDGET + MILLI));
        assert!(joins(past, BURST_BUDGET, BURST_BUDGET));
    }

    #[test]
    fn one_stall_after_a_long_rest_is_no_standing_queue() {
        let stall = 40 * MILLI;
        assert!(joins(&mut Past::empty_at(Instant::now()), stall, stall));
    }

    #[test]
    fn queues_that_come_back_stand_sooner_until_none_has_come_for_a_while() {
        let past = &mut Past::empty_at(Instant::now());
        let waited = STANDING_BUDGET + MILLI;
        for patience in [PATIENCE, PATIENCE / 2, PATIENCE / 4] {
            assert!(joins(past, waited + patience, waited));
            assert!(!joins(past, waited + patience + MILLI, waited));
            let refused = past.refused.unwrap();
            // Refusals of one queue count once.
            assert!(!past.admits(refused, waited, STANDING_BUDGET));
            assert_eq!(past.patience, patience / 2);
        }
        for _ in 0..9 {
            joins(past, PATIENCE, waited);
        }
        assert_eq!(past.patience, STANDING_BUDGET);
        let refused = past.refused.unwrap();
        past.found_empty(refused + FORGIVEN_AFTER);
        assert_eq!(past.patience, STANDING_BUDGET);
        past.found_empty(refused + FORGIVEN_AFTER + MILLI);
        assert_eq!(past.patience, PATIENCE);
    }
}
