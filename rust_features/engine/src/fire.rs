//! Inactivity deadlines: decided before the message whose time passes them, with the deadline as clock reading.

use std::sync::atomic::Ordering;

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::decide::fire;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::state::{Deadline, State};
use cart_recovery_core::time::Micros;
use parking_lot::RwLockWriteGuard;

use crate::live::Live;

/// Deadlines taken under one hold of the lock: a Score waits for at most so many.
const PER_HOLD: usize = 32;

/// Takes deadlines from the state and decides about them.
#[derive(Default)]
pub struct Deadlines {
    /// One that fired and whose decision could not be spooled yet. While there is one, no further one is taken.
    postponed: Option<Deadline>,
    /// Deadlines taken since readers were last let in.
    held: usize,
}

impl Deadlines {
    /// Fires everything due up to `until`, the journal time to come. Without a bundle the deadlines stay where they
    /// are. Readers are let in between, but nothing is folded: all are decided at one sequence.
    pub fn fire(&mut self, live: &Live, state: &mut RwLockWriteGuard<'_, State>, until: Micros) {
        let Some(bundle) = live.active_bundle() else {
            return;
        };
        let until = until.max(state.journal_time());
        let seconds = bundle.rules.abandonment_seconds();
        let mut waited = self.postponed.is_some();
        while let Some(deadline) = self.postponed.take().or_else(|| state.take_next_due(until, seconds)) {
            if self.held == PER_HOLD {
                RwLockWriteGuard::bump(state);
                self.held = 0;
            }
            self.held += 1;
            if is_stale(state, &bundle, deadline, until) {
                live.counters.deadlines_stale.add_one();
            } else if decide_inactivity(live, &bundle, state, deadline).is_err() {
                if !waited {
                    live.counters.decisions_postponed.add_one();
                }
                self.postponed = Some(deadline);
                break;
            }
            waited = false;
        }
        live.settled.store(self.postponed.is_none(), Ordering::Release);
    }
}

/// Whether a deadline passed too long ago for its storefront: it expires undecided.
fn is_stale(state: &State, bundle: &Bundle, deadline: Deadline, now: Micros) -> bool {
    state.cart(&deadline.cart).is_some_and(|cart| {
        let settings = bundle.rules.storefront(cart.storefront());
        now > deadline.time.plus_seconds(settings.stale_after_seconds)
    })
}

/// Decides about an abandoned cart and spools the decision, unless it was decided before a restart.
fn decide_inactivity(live: &Live, bundle: &Bundle, state: &State, deadline: Deadline) -> Result<(), Refusal> {
    for record in fire(state, bundle, &[deadline], &live.decision_key) {
        live.record(record, Vec::new(), live.clock.now().max(deadline.time))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cart_updated, live};

    const T: i64 = 1800;
    const STALE_AFTER: i64 = 3600;

    fn at(seconds: i64) -> Micros {
        Micros((1_700_000_000 + seconds) * 1_000_000)
    }

    #[test]
    fn a_postponed_deadline_counts_once_and_expires_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let live = live(folder.path(), 0);
        let mut deadlines = Deadlines::default();
        let mut state = live.state.write();
        cart_updated(&mut state, 1, at(0));
        for seconds in [T, T + 10, T + STALE_AFTER] {
            deadlines.fire(&live, &mut state, at(seconds));
        }
        let counters = &live.counters;
        assert_eq!(
            (counters.decisions_postponed.read(), counters.deadlines_stale.read()),
            (1, 0)
        );
        assert!(!live.settled.load(Ordering::Acquire));
        deadlines.fire(&live, &mut state, at(T + STALE_AFTER + 1));
        assert_eq!(
            (counters.decisions_postponed.read(), counters.deadlines_stale.read()),
            (1, 1)
        );
        assert!(live.settled.load(Ordering::Acquire));
        assert_eq!(counters.decisions_taken.read(), 0);
    }

    #[test]
    fn a_reader_is_let_in_among_many_deadlines_and_sees_their_sequence() {
        const CARTS: u64 = 5000;
        let folder = tempfile::tempdir().unwrap();
        let live = live(folder.path(), 1 << 30);
        let mut state = live.state.write();
        for number in 1..=CARTS {
            cart_updated(&mut state, number, at(0));
        }
        let about_to_read = std::sync::Barrier::new(2);
        let (taken, sequence) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                about_to_read.wait();
                let state = live.state.read();
                (live.counters.decisions_taken.read(), state.sequence())
            });
            about_to_read.wait();
            Deadlines::default().fire(&live, &mut state, at(T));
            drop(state);
            reader.join().unwrap()
        });
        assert!(taken < CARTS, "the reader waited for all {taken}");
        assert_eq!(sequence, CARTS);
        assert_eq!(live.counters.decisions_taken.read(), CARTS);
    }
}
