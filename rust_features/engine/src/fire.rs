//! Inactivity deadlines: decided before the message whose time passes them, with the deadline as clock reading.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::decide::fire;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::state::{Deadline, State};
use cart_recovery_core::time::Micros;
use parking_lot::RwLockWriteGuard;

use crate::decisions::Acceptance;
use crate::live::Live;

/// Deadlines taken under one hold of the lock: a Score waits for at most so many.
const PER_HOLD: usize = 32;

/// Takes deadlines from the state and decides about them.
#[derive(Default)]
pub struct Deadlines {
    /// Fired, but their decisions could not be spooled yet. While there are any, no further one is taken.
    postponed: VecDeque<Deadline>,
    /// As many as carts fell due under one hold of the state.
    fired: Vec<Fired>,
    /// Deadlines taken since readers were last let in.
    held: usize,
}

/// A decision that is fired and may not be accepted yet.
struct Fired {
    deadline: Deadline,
    /// It was postponed before, and counts as that once.
    was_waiting: bool,
    acceptance: Acceptance,
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
        let mut waited = self.postponed.len();
        while let Some(deadline) = self
            .postponed
            .pop_front()
            .or_else(|| state.take_next_due(until, seconds))
        {
            if self.held == PER_HOLD {
                RwLockWriteGuard::bump(state);
                self.held = 0;
            }
            self.held += 1;
            let was_waiting = waited > 0;
            if is_stale(state, &bundle, deadline, until) {
                live.counters.deadlines_stale.add_one();
            } else if self.decide(live, &bundle, state, deadline, was_waiting).is_err() {
                if !was_waiting {
                    live.counters.decisions_postponed.add_one();
                }
                self.postponed.push_front(deadline);
                break;
            }
            waited = waited.saturating_sub(1);
        }
        self.tell(live);
    }

    /// Decides about an abandoned cart and writes the decision, unless it was decided before a restart.
    fn decide(
        &mut self,
        live: &Live,
        bundle: &Bundle,
        state: &State,
        deadline: Deadline,
        was_waiting: bool,
    ) -> Result<(), Refusal> {
        for record in fire(state, bundle, &[deadline], &live.decision_key) {
            let recorded = live.record(record, Vec::new(), live.clock.now().max(deadline.time))?;
            self.fired.push(Fired {
                deadline,
                was_waiting,
                acceptance: recorded.acceptance,
            });
        }
        Ok(())
    }

    /// Waits until what was fired is accepted, with one sync for all; to be called without the state. Nobody waits for these
    /// answers, and should the power go before, the deadlines fire again: so the fold need not stand still for each. What
    /// the disk refuses is decided once more.
    pub fn accept(&mut self, live: &Live) {
        for fired in std::mem::take(&mut self.fired) {
            if live.accept(&fired.acceptance).is_err() {
                if !fired.was_waiting {
                    live.counters.decisions_postponed.add_one();
                }
                self.postponed.push_back(fired.deadline);
            }
        }
        self.tell(live);
    }

    fn tell(&self, live: &Live) {
        let settled = self.postponed.is_empty() && self.fired.is_empty();
        live.settled.store(settled, Ordering::Release);
    }
}

/// Whether a deadline passed too long ago for its storefront: it expires undecided.
fn is_stale(state: &State, bundle: &Bundle, deadline: Deadline, now: Micros) -> bool {
    state.cart(&deadline.cart).is_some_and(|cart| {
        let settings = bundle.rules.storefront(cart.storefront());
        now > deadline.time.plus_seconds(settings.stale_after_seconds)
    })
}

#[cfg(test)]
mod tests {
    use cart_recovery_core::spool::Durability;

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
        let live = live(folder.path(), 0, Durability::Process);
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
    fn a_deadline_whose_decisions_the_disk_refuses_again_and_again_is_postponed_once() {
        let folder = tempfile::tempdir().unwrap();
        let live = live(folder.path(), 1 << 20, Durability::Disk);
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        let log = paths.find(|path| path.is_dir()).unwrap();
        let away = folder.path().join("away");
        let mut deadlines = Deadlines::default();
        cart_updated(&mut live.state.write(), 1, at(0));
        for seconds in [T, T + 10, T + 20] {
            deadlines.fire(&live, &mut live.state.write(), at(seconds));
            std::fs::rename(&log, &away).unwrap();
            deadlines.accept(&live);
            std::fs::rename(&away, &log).unwrap();
        }
        assert_eq!(live.counters.decisions_postponed.read(), 1);
        assert!(!live.settled.load(Ordering::Acquire));
        deadlines.fire(&live, &mut live.state.write(), at(T + 30));
        deadlines.accept(&live);
        assert_eq!(live.counters.decisions_postponed.read(), 1);
        assert_eq!(live.counters.decisions_taken.read(), 1);
        assert!(live.settled.load(Ordering::Acquire));
    }

    #[test]
    fn a_reader_is_let_in_among_many_deadlines_and_sees_their_sequence() {
        const CARTS: u64 = 5000;
        for durability in [Durability::Process, Durability::Disk] {
            let folder = tempfile::tempdir().unwrap();
            let live = live(folder.path(), 1 << 30, durability);
            let mut state = live.state.write();
            for number in 1..=CARTS {
                cart_updated(&mut state, number, at(0));
            }
            let about_to_read = std::sync::Barrier::new(2);
            let mut deadlines = Deadlines::default();
            let (taken, sequence) = std::thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    about_to_read.wait();
                    let state = live.state.read();
                    (live.in_flight.len() as u64, state.sequence())
                });
                about_to_read.wait();
                deadlines.fire(&live, &mut state, at(T));
                drop(state);
                reader.join().unwrap()
            });
            assert!(taken < CARTS, "the reader waited for all {taken}");
            assert_eq!(sequence, CARTS);
            assert!(!live.settled.load(Ordering::Acquire));
            deadlines.accept(&live);
            assert!(live.settled.load(Ordering::Acquire));
            assert_eq!(live.counters.decisions_taken.read(), CARTS);
            assert_eq!(live.spool.log().end(), CARTS);
        }
    }
}
