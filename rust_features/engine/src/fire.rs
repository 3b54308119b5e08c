//! Inactivity deadlines: decided before the message whose time passes them, with the deadline as clock reading.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::decide::fire;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::state::{Deadline, State};
use cart_recovery_core::time::Micros;

use crate::live::Live;

/// Deadlines that fired and whose decision could not be spooled yet. While there is one, no further deadline is taken
/// from the state, whose queue holds one entry per cart.
#[derive(Default)]
pub struct Deadlines {
    postponed: VecDeque<Deadline>,
}

impl Deadlines {
    /// Fires everything due up to `until`. Without a bundle the deadlines stay where they are.
    pub fn fire(&mut self, live: &Live, state: &mut State, until: Micros) {
        let Some(bundle) = live.active_bundle() else {
            return;
        };
        if self.postponed.is_empty() {
            let rules = &bundle.rules;
            let due = state.take_due(
                until,
                |storefront| rules.storefront(storefront).abandonment_seconds,
                |storefront| rules.storefront(storefront).stale_after_seconds,
            );
            self.postponed.extend(due);
        }
        while let Some(deadline) = self.postponed.front() {
            if deadline.stale {
                live.counters.deadlines_stale.add_one();
            } else if decide_inactivity(live, &bundle, state, *deadline).is_err() {
                live.counters.decisions_postponed.add_one();
                break;
            }
            self.postponed.pop_front();
        }
        live.settled.store(self.postponed.is_empty(), Ordering::Release);
    }
}

/// Decides about an abandoned cart and spools the decision, unless it was decided before a restart.
fn decide_inactivity(live: &Live, bundle: &Bundle, state: &State, deadline: Deadline) -> Result<(), Refusal> {
    for record in fire(state, bundle, &[deadline], &live.decision_key) {
        live.record(record, Vec::new(), live.clock.now().max(deadline.time))?;
    }
    Ok(())
}
