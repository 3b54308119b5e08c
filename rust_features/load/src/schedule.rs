//! When calls begin: at random moments, to which a timer of the kernel wakes the generator, since a runtime's own has
//! milliseconds.

use std::io;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

use crate::Plan;

/// A moment at which a call should begin.
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) due: Instant,
    pub(crate) kind: usize,
}

/// The arrivals of a plan, in their order.
pub(crate) struct Schedule<'a> {
    plan: &'a Plan,
    start: Instant,
    due: Instant,
    number: u64,
    weight_sum: f64,
    random: Random,
}

impl<'a> Schedule<'a> {
    pub(crate) fn new(plan: &'a Plan, start: Instant) -> Self {
        Self {
            plan,
            start,
            due: start,
            number: plan.first_number,
            weight_sum: plan.kinds.iter().map(|kind| kind.weight).sum(),
            random: Random(plan.seed),
        }
    }

    fn choose(&mut self) -> usize {
        let mut share = self.random.share() * self.weight_sum;
        for (index, kind) in self.plan.kinds.iter().enumerate() {
            share -= kind.weight;
            if share < 0.0 {
                return index;
            }
        }
        self.plan.kinds.len() - 1
    }
}

impl Iterator for Schedule<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.due += Duration::from_secs_f64(-(1.0 - self.random.share()).ln() / self.plan.rate);
        if self.due.duration_since(self.start) >= self.plan.duration {
            return None;
        }
        let number = self.number;
        self.number += 1;
        let kind = self.choose();
        Some(Arrival {
            number,
            due: self.due,
            kind,
        })
    }
}

/// Wakes at a moment, to some microseconds. To a runtime a timer's descriptor is like a pipe's: it is readable once the
/// moment has come.
pub(crate) struct Timer(Receiver);

impl Timer {
    /// Within a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self(Receiver::from_owned_fd_unchecked(timer)?))
    }

    /// Returns at once where the moment is past.
    pub(crate) async fn until(&self, due: Instant) -> io::Result<()> {
        let Some(left) = due
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        else {
            return Ok(());
        };
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(left).map_err(io::Error::other)?,
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        loop {
            self.0.readable().await?;
            let mut expiries = [0; size_of::<u64>()];
            match self.0.try_read(&mut expiries) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.map(drop),
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plan;

    #[test]
    fn arrivals_fall_due_one_after_the_other_at_the_rate_of_the_plan() {
        let (start, duration) = (Instant::now(), Duration::from_secs(10));
        let plan = plan(vec![Vec::new()], 1_000.0, duration);
        let arrivals: Vec<_> = Schedule::new(&plan, start).collect();
        // Five standard deviations of a Poisson count of ten thousand.
        assert!(arrivals.len().abs_diff(10_000) < 500, "{}", arrivals.len());
        assert!(arrivals.is_sorted_by(|one, next| one.due <= next.due && one.number + 1 == next.number));
        assert!(
            arrivals
                .iter()
                .all(|one| start <= one.due && one.due < start + duration)
        );
    }

    #[tokio::test]
    async fn the_timer_wakes_once_the_moment_has_come() {
        let timer = Timer::new().unwrap();
        let begun = Instant::now();
        // The last one is past by then.
        for millis in [0, 1, 3, 2] {
            let due = begun + Duration::from_millis(millis);
            timer.until(due).await.unwrap();
            assert!(due <= Instant::now());
        }
    }
}
