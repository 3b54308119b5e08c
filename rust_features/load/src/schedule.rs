//! When calls begin: at random moments, by a thread of its own that sleeps exactly, since a runtime's timer has
//! milliseconds.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use crate::Plan;

/// A moment at which a call should begin.
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) due: Instant,
    pub(crate) kind: usize,
}

/// Sends arrivals as they fall due; returns how many were dropped because the receiver had no room.
pub(crate) fn keep(plan: &Plan, start: Instant, arrivals: &Sender<Arrival>) -> u64 {
    // Best effort: without it sleeps end some fifty microseconds late.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let weights: f64 = plan.kinds.iter().map(|kind| kind.weight).sum();
    let mut random = Random(plan.seed);
    let mut due = start;
    let mut dropped = 0;
    for number in plan.first_number.. {
        due += Duration::from_secs_f64(-(1.0 - random.share()).ln() / plan.rate);
        if due.duration_since(start) >= plan.duration {
            break;
        }
        let kind = choose(plan, random.share() * weights);
        if let Some(left) = due.checked_duration_since(Instant::now()) {
            thread::sleep(left);
        }
        dropped += u64::from(arrivals.try_send(Arrival { number, due, kind }).is_err());
    }
    dropped
}

fn choose(plan: &Plan, mut share: f64) -> usize {
    for (index, kind) in plan.kinds.iter().enumerate() {
        share -= kind.weight;
        if share < 0.0 {
            return index;
        }
    }
    plan.kinds.len() - 1
}

/// `SplitMix64`: good enough for moments, and the same with each run.
struct Random(u64);

impl Random {
    /// Uniform in [0, 1).
    #[allow(clippy::cast_precision_loss)]
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
