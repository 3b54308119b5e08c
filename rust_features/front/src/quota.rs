//! How many calls a second each caller may make: a token bucket for each, that holds one second's worth.

use std::time::{Duration, Instant};

use cart_recovery_core::contract::Reason;
use cart_recovery_core::refusal::Refusal;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Callers remembered at once. Beyond, all that are new share one bucket until a known one has been idle for a second.
const CALLER_LIMIT: usize = 4096;
/// The bucket that callers beyond the limit share.
const OTHERS: &str = "";

/// The quota of every caller of one front.
pub struct Quota {
    calls_per_second: u32,
    buckets: Mutex<FxHashMap<Box<str>, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Quota {
    /// `calls_per_second` for each caller; 0 bounds nobody.
    #[must_use]
    pub fn new(calls_per_second: u32) -> Self {
        Self {
            calls_per_second,
            buckets: Mutex::default(),
        }
    }

    /// Whether callers are told apart at all.
    #[must_use]
    pub fn bounds_callers(&self) -> bool {
        self.calls_per_second > 0
    }

    /// Takes one call of `caller`.
    ///
    /// # Errors
    /// `REASON_QUOTA_EXCEEDED`, with the time until the next call is free.
    pub fn take(&self, caller: &str, now: Instant) -> Result<(), Refusal> {
        if !self.bounds_callers() {
            return Ok(());
        }
        let rate = f64::from(self.calls_per_second);
        let mut buckets = self.buckets.lock();
        if let Some(bucket) = buckets.get_mut(caller) {
            return bucket.take(rate, now);
        }
        if buckets.len() >= CALLER_LIMIT {
            // A full bucket is as good as none.
            buckets.retain(|_, bucket| bucket.level(rate, now) < rate);
        }
        let name = if buckets.len() < CALLER_LIMIT { caller } else { OTHERS };
        let full = Bucket {
            tokens: rate,
            filled: now,
        };
        buckets.entry(name.into()).or_insert(full).take(rate, now)
    }
}

impl Bucket {
    fn level(&self, rate: f64, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * rate;
        (self.tokens + gained).min(rate)
    }

    fn take(&mut self, rate: f64, now: Instant) -> Result<(), Refusal> {
        self.tokens = self.level(rate, now);
        self.filled = now;
        if self.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / rate);
            return Err(Refusal::new(Reason::QuotaExceeded).retry_after(wait));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_so_many_calls_a_second_and_is_told_when_the_next_is_free() {
        let (quota, start) = (Quota::new(4), Instant::now());
        for _ in 0..4 {
            quota.take("a", start).unwrap();
        }
        let refusal = quota.take("a", start).unwrap_err();
        assert_eq!(refusal.reason, Reason::QuotaExceeded);
        assert_eq!(refusal.retry_after, Some(Duration::from_millis(250)));
        quota.take("b", start).unwrap();
        quota.take("a", start + Duration::from_millis(250)).unwrap();
        quota.take("a", start + Duration::from_millis(250)).unwrap_err();
    }

    #[test]
    fn callers_beyond_the_limit_share_a_bucket_until_others_are_idle() {
        let (quota, start) = (Quota::new(2), Instant::now());
        for caller in 0..CALLER_LIMIT {
            quota.take(&caller.to_string(), start).unwrap();
        }
        quota.take("x", start).unwrap();
        quota.take("y", start).unwrap();
        quota.take("z", start).unwrap_err();
        assert_eq!(quota.buckets.lock().len(), CALLER_LIMIT + 1);
        quota.take("z", start + Duration::from_secs(1)).unwrap();
        assert_eq!(quota.buckets.lock().len(), 1);
    }

    #[test]
    fn no_quota_bounds_nobody() {
        let quota = Quota::new(0);
        assert!((0..1000).all(|_| quota.take("a", Instant::now()).is_ok()));
    }
}
