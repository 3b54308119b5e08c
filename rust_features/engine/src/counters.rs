//! Monotonic counts since start, readable without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What a scorer counts.
        #[derive(Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Count,)*
        }

        impl Counters {
            /// Every count by its name.
            #[must_use]
            pub fn read(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.read()),)*]
            }
        }
    };
}

counters! {
    /// Events in the spool.
    events_accepted,
    /// Events refused at the edge or by the spool.
    events_refused,
    /// Events folded.
    events_folded,
    /// Events that the fold had seen before.
    events_duplicate,
    /// Decisions taken and spooled, of every trigger.
    decisions_taken,
    /// Decisions answered again for a decided key.
    decisions_repeated,
    /// Decisions that could not be spooled when their deadline fired, and wait.
    decisions_postponed,
    /// Deadlines that expired undecided.
    deadlines_stale,
    /// Score calls refused.
    scores_refused,
    /// Confirm calls answered.
    confirms_answered,
}

/// One count.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
