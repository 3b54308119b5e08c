//! The one place of a scorer that reads a clock; everything behind it gets the time as an argument.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cart_recovery_core::time::Micros;

/// Where received times come from. No clock goes back: journal time, the highest received time folded, does not either. A
/// wall clock that is set back stands still until the machine's has passed it again, or until the process starts anew;
/// then the fold holds journal time where it was. In the spool, times stand in the order of their reading, but for calls that
/// overlap.
pub struct Clock {
    source: Source,
    /// The highest time told so far.
    highest: AtomicI64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The machine's clock.
    Wall,
    /// The highest event time tracked so far, moved on by ticks: rehearsals and demos.
    Events,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn wall() -> Self {
        Self::of(Source::Wall)
    }

    /// An events clock that stands at 1970.
    #[must_use]
    pub fn events() -> Self {
        Self::of(Source::Events)
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            highest: AtomicI64::new(0),
        }
    }

    /// Whether time follows the events.
    #[must_use]
    pub fn follows_events(&self) -> bool {
        self.source == Source::Events
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Micros {
        match self.source {
            Source::Wall => self.not_before(wall_now()),
            Source::Events => Micros(self.highest.load(Ordering::Acquire)),
        }
    }

    /// The time at which an event is received: the present, after an events clock has moved on to `event_time`.
    #[must_use]
    pub fn received(&self, event_time: Micros) -> Micros {
        match self.source {
            Source::Wall => self.now(),
            Source::Events => self.not_before(event_time),
        }
    }

    fn not_before(&self, time: Micros) -> Micros {
        let before = self.highest.fetch_max(time.0, Ordering::AcqRel);
        Micros(before.max(time.0))
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

    #[test]
    fn a_wall_clock_that_is_set_back_stands_still() {
        let clock = Clock::wall();
        let an_hour_ahead = wall_now().plus_seconds(3600);
        assert_eq!(clock.not_before(an_hour_ahead), an_hour_ahead);
        // The machine's clock is set right.
        assert_eq!(clock.now(), an_hour_ahead);
        assert_eq!(clock.received(Micros(0)), an_hour_ahead);
    }
}
