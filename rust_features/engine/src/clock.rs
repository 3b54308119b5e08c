//! The one place of a scorer that reads a clock; everything behind it gets the time as an argument.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cart_recovery_core::time::Micros;

/// Where received times come from.
pub enum Clock {
    /// The machine's clock.
    Wall,
    /// The highest event time tracked so far, moved on by ticks: rehearsals and demos.
    Events(AtomicI64),
}

impl Clock {
    /// An events clock that stands at 1970.
    #[must_use]
    pub fn events() -> Self {
        Self::Events(AtomicI64::new(0))
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Micros {
        match self {
            Self::Wall => wall_now(),
            Self::Events(highest) => Micros(highest.load(Ordering::Acquire)),
        }
    }

    /// The time at which an event is received: the present, after an events clock has moved on to `event_time`.
    #[must_use]
    pub fn received(&self, event_time: Micros) -> Micros {
        match self {
            Self::Wall => wall_now(),
            Self::Events(highest) => {
                let before = highest.fetch_max(event_time.0, Ordering::AcqRel);
                Micros(before.max(event_time.0))
            }
        }
    }
}

/// The machine's clock.
#[must_use]
pub fn wall_now() -> Micros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_clock_never_goes_back() {
        let clock = Clock::events();
        assert_eq!(clock.received(Micros(10)), Micros(10));
        assert_eq!(clock.received(Micros(5)), Micros(10));
        assert_eq!(clock.now(), Micros(10));
    }
}
