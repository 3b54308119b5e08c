//! Whether a call is still worth its turn, by how long it waited. A burst may wait: it will be worked off. A queue that
//! has not been empty for a while will not go away by itself, and all who join it wait for nothing.

use std::time::{Duration, Instant};

use cart_recovery_core::contract::Reason;
use cart_recovery_core::refusal::Refusal;
use parking_lot::Mutex;

/// How long a call of a burst may wait.
const BURST_BUDGET: Duration = Duration::from_millis(50);
/// A queue stands once it has not been empty for so many times as long as a call may wait in a standing one.
const STANDING_AFTER: u32 = 10;
/// A refused call comes back no sooner.
const LEAST_RETRY: Duration = Duration::from_millis(100);

/// The calls that wait for one front.
pub struct CallQueue {
    standing_budget: Duration,
    empty: Mutex<Instant>,
}

impl CallQueue {
    /// An empty queue. While it stands, a call may wait for `standing_budget`, or as in a burst where there is none.
    #[must_use]
    pub fn new(standing_budget: Option<Duration>) -> Self {
        Self {
            standing_budget: standing_budget.unwrap_or(BURST_BUDGET),
            empty: Mutex::new(Instant::now()),
        }
    }

    /// Nobody waits at this moment.
    pub fn found_empty(&self) {
        *self.empty.lock() = Instant::now();
    }

    /// When last nobody waited.
    #[must_use]
    pub fn last_empty(&self) -> Instant {
        *self.empty.lock()
    }

    /// Refuses a call that `waited` longer than 50 ms for its turn, or than the standing budget once the queue has been
    /// there for more than ten times that.
    ///
    /// # Errors
    /// `REASON_OVERLOADED`, with a time to come back no shorter than the wait.
    pub fn admit(&self, waited: Duration) -> Result<(), Refusal> {
        let there_for = self.last_empty().elapsed();
        // As the call found it.
        let stood = there_for.saturating_sub(waited) > self.standing_budget * STANDING_AFTER;
        let budget = if stood { self.standing_budget } else { BURST_BUDGET };
        if waited <= budget {
            return Ok(());
        }
        Err(Refusal::new(Reason::Overloaded).retry_after(waited.max(LEAST_RETRY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const STANDING_BUDGET: Duration = Duration::from_millis(5);

    fn queue_there_for(age: Duration) -> CallQueue {
        CallQueue {
            standing_budget: STANDING_BUDGET,
            empty: Mutex::new(Instant::now().checked_sub(age).unwrap()),
        }
    }

    #[test]
    fn a_burst_may_wait_and_is_told_to_come_back_later() {
        let queue = queue_there_for(60 * MILLI);
        queue.admit(BURST_BUDGET).unwrap();
        let refused = queue.admit(BURST_BUDGET + MILLI).unwrap_err();
        assert_eq!(refused.reason, Reason::Overloaded);
        assert_eq!(refused.retry_after, Some(LEAST_RETRY));
    }

    #[test]
    fn whoever_joins_a_standing_queue_hardly_waits() {
        let queue = queue_there_for(20 * STANDING_BUDGET);
        queue.admit(STANDING_BUDGET).unwrap();
        assert!(queue.admit(STANDING_BUDGET + MILLI).is_err());
        queue.found_empty();
        queue.admit(BURST_BUDGET).unwrap();
    }

    #[test]
    fn one_stall_after_a_long_rest_is_no_standing_queue() {
        let stall = 40 * MILLI;
        queue_there_for(stall).admit(stall).unwrap();
    }
}
