//! Durations of one kind of call: counts in buckets, an eighth of an octave each, written without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

const SUB_BUCKET_BITS: u32 = 3;
const SUB_BUCKETS: u64 = 1 << SUB_BUCKET_BITS;
/// About 18 minutes; a longer call counts in the last bucket.
const LARGEST_NANOS: u64 = 1 << 40;
const BUCKETS: usize = bucket(LARGEST_NANOS) + 1;

/// A histogram whose quantiles are never too low, and too high by an eighth at most.
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    total_nanos: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            total_nanos: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one call.
    pub fn record(&self, nanos: u64) {
        self.buckets[bucket(nanos.min(LARGEST_NANOS))].fetch_add(1, Ordering::Relaxed);
        self.total_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Calls so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts().map(|(_, count)| count).sum()
    }

    /// All durations together, in nanoseconds.
    #[must_use]
    pub fn total_nanos(&self) -> u64 {
        self.total_nanos.load(Ordering::Relaxed)
    }

    /// How many calls were certainly no longer than `bound_nanos`.
    #[must_use]
    pub fn within(&self, bound_nanos: u64) -> u64 {
        let certain = self.counts().filter(|(upper, _)| *upper <= bound_nanos);
        certain.map(|(_, count)| count).sum()
    }

    /// The duration that a `share` of the calls did not exceed, in nanoseconds; none before the first call.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // A count beyond 2^53 is not reached.
    pub fn quantile_nanos(&self, share: f64) -> Option<u64> {
        let rank = share * self.count() as f64;
        let mut seen = 0;
        self.counts().find_map(|(upper, count)| {
            seen += count;
            (count > 0 && seen as f64 >= rank).then_some(upper)
        })
    }

    /// The first value beyond each bucket, and the bucket's count.
    fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        counts.enumerate().map(|(bucket, count)| (upper_nanos(bucket), count))
    }
}

/// Eight buckets per octave.
#[allow(clippy::cast_possible_truncation)] // No bucket's number is beyond `BUCKETS`.
const fn bucket(nanos: u64) -> usize {
    if nanos < SUB_BUCKETS {
        return nanos as usize;
    }
    let exponent = nanos.ilog2() - SUB_BUCKET_BITS;
    ((exponent as usize) << SUB_BUCKET_BITS) + (nanos >> exponent) as usize
}

/// The first value beyond the bucket.
const fn upper_nanos(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB_BUCKETS {
        return bucket + 1;
    }
    let exponent = (bucket >> SUB_BUCKET_BITS) - 1;
    (bucket - (exponent << SUB_BUCKET_BITS) + 1) << exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_lies_below_its_end_and_no_more_than_an_eighth() {
        for nanos in (0..60_000).chain((16..41).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 12_345])) {
            let upper = upper_nanos(bucket(nanos));
            assert!(upper > nanos, "{nanos}");
            assert!(upper <= nanos + nanos / 8 + 1, "{nanos}");
        }
    }

    #[test]
    fn quantiles_and_bounds_count_what_was_recorded() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile_nanos(0.5), None);
        for nanos in [5, 1_000, 1_000_000, u64::from(u32::MAX) << 20] {
            histogram.record(nanos);
        }
        assert_eq!(histogram.count(), 4);
        assert_eq!(histogram.within(1_200), 2);
        assert_eq!(histogram.quantile_nanos(0.25), Some(6));
        assert!(histogram.quantile_nanos(1.0).unwrap() > LARGEST_NANOS);
    }
}
