//! Counters that halve with age. Kept as of the latest event of a record; a late event adds what is left of it, so
//! the order of arrival changes nothing but the last bits.

use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// Half-lives of every counter: an hour, a day, thirty days.
pub const HALF_LIVES_SECONDS: [f64; 3] = [3600.0, 86_400.0, 2_592_000.0];

/// What is counted per record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Counter {
    /// Product and list views, searches and wishes.
    Views,
    /// Units of additions to carts, by event.
    Adds,
    /// Removals from carts, by event.
    Removes,
    /// Checkouts started.
    Checkouts,
    /// Orders completed.
    Orders,
    /// Order totals, minor units.
    Revenue,
    /// Orders with a discount or an offer code.
    DiscountedOrders,
    /// Cancellations and refunds of orders.
    Returns,
}

/// How many [`Counter`]s there are.
pub const COUNTERS: usize = 8;
/// Buckets of the category sketch and of the brand sketch.
pub const BUCKETS: u8 = 32;

/// The weight of one bucket of the affinity sketch; half-life thirty days.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Weight {
    bucket: u8,
    weight: f32,
}

/// Decayed counters and affinities of one record.
///
/// Affinities are a sketch of 32 buckets for categories and 32 for brands, of which only the used ones are kept. A
/// list of the top ones would depend on the order of arrival once full; buckets do not.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Decayed {
    landmark: Micros,
    #[serde(with = "used")]
    counters: [[f32; 3]; COUNTERS],
    affinities: Vec<Weight>,
}

/// Counters are written without those that were never used, which are most.
mod used {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::COUNTERS;

    type Counters = [[f32; 3]; COUNTERS];

    pub(super) fn serialize<S: Serializer>(counters: &Counters, serializer: S) -> Result<S::Ok, S::Error> {
        let used = |counter: &&[f32; 3]| counter.iter().any(|value| value.to_bits() != 0);
        let mask = counters
            .iter()
            .rev()
            .fold(0_u8, |mask, counter| mask << 1 | u8::from(used(&counter)));
        let values: Vec<_> = counters.iter().filter(used).collect();
        (mask, values).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Counters, D::Error> {
        let (mask, values): (u8, Vec<[f32; 3]>) = Deserialize::deserialize(deserializer)?;
        let mut counters = Counters::default();
        let used = counters
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| mask >> index & 1 == 1);
        for ((_, counter), value) in used.zip(values) {
            *counter = value;
        }
        Ok(counters)
    }
}

/// Which half of the sketch a hash belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Affinity {
    Category,
    Brand,
}

impl Affinity {
    fn bucket(self, hash: u32) -> u8 {
        let bucket = u8::try_from(hash % u32::from(BUCKETS)).unwrap_or_default();
        bucket + if self == Self::Brand { BUCKETS } else { 0 }
    }
}

/// What is left of a unit after so many seconds.
pub(super) fn remaining(seconds: f64, half_life_seconds: f64) -> f64 {
    libm::exp2(-seconds.max(0.0) / half_life_seconds)
}

fn weights(seconds: f64) -> [f32; 3] {
    if seconds <= 0.0 {
        return [1.0; 3];
    }
    HALF_LIVES_SECONDS.map(|half_life| narrow(remaining(seconds, half_life)))
}

#[allow(clippy::cast_possible_truncation)]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

impl Decayed {
    pub(crate) fn new(time: Micros) -> Self {
        Self {
            landmark: time,
            counters: [[0.0; 3]; COUNTERS],
            affinities: Vec::new(),
        }
    }

    /// Moves the landmark on to `time` if that is later; returns what an event of `time` weighs at the landmark.
    pub(crate) fn weigh(&mut self, time: Micros) -> [f32; 3] {
        if time <= self.landmark {
            return weights(self.landmark.seconds_since(time));
        }
        let factors = weights(time.seconds_since(self.landmark));
        for counter in &mut self.counters {
            for (value, factor) in counter.iter_mut().zip(factors) {
                *value *= factor;
            }
        }
        for affinity in &mut self.affinities {
            affinity.weight *= factors[2];
        }
        self.landmark = time;
        [1.0; 3]
    }

    /// Adds to a counter an amount of the given weights.
    pub(crate) fn add(&mut self, counter: Counter, weights: [f32; 3], amount: f32) {
        for (value, weight) in self.counters[counter as usize].iter_mut().zip(weights) {
            *value += weight * amount;
        }
    }

    /// Adds a unit of affinity.
    pub(crate) fn like(&mut self, affinity: Affinity, hash: u32, weights: [f32; 3]) {
        let bucket = affinity.bucket(hash);
        match self.affinities.binary_search_by_key(&bucket, |held| held.bucket) {
            Ok(index) => self.affinities[index].weight += weights[2],
            Err(index) => self.affinities.insert(
                index,
                Weight {
                    bucket,
                    weight: weights[2],
                },
            ),
        }
    }

    /// The time of the latest event.
    pub(crate) fn landmark(&self) -> Micros {
        self.landmark
    }

    /// Factors that bring values of this record to `clock`.
    pub(crate) fn factors(&self, clock: Micros) -> [f64; 3] {
        let seconds = clock.seconds_since(self.landmark);
        HALF_LIVES_SECONDS.map(|half_life| remaining(seconds, half_life))
    }

    /// The counter as of the landmark, by half-life.
    pub(crate) fn counter(&self, counter: Counter) -> [f32; 3] {
        self.counters[counter as usize]
    }

    /// All counters as of the landmark.
    pub(crate) fn counters(&self) -> &[[f32; 3]; COUNTERS] {
        &self.counters
    }

    /// The affinity to any of the hashes as of the landmark.
    pub(crate) fn affinity(&self, affinity: Affinity, hashes: &[u32]) -> f32 {
        let wanted = hashes
            .iter()
            .fold(0_u64, |bits, hash| bits | 1 << affinity.bucket(*hash));
        let is_wanted = |held: &&Weight| wanted.checked_shr(held.bucket.into()).is_some_and(|bits| bits & 1 == 1);
        let held = self.affinities.iter().filter(is_wanted);
        held.map(|held| held.weight).sum()
    }

    /// The sum of all affinities of the kind as of the landmark.
    pub(crate) fn affinity_sum(&self, affinity: Affinity) -> f32 {
        let brand = affinity == Affinity::Brand;
        self.affinities
            .iter()
            .filter(|held| (held.bucket >= BUCKETS) == brand)
            .map(|held| held.weight)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_halves_with_its_half_life() {
        let mut decayed = Decayed::new(Micros(0));
        let weights = decayed.weigh(Micros(0));
        decayed.add(Counter::Views, weights, 2.0);
        let factors = decayed.factors(Micros(0).plus_seconds(3600));
        assert!((f64::from(decayed.counter(Counter::Views)[0]) * factors[0] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_late_event_counts_at_its_own_time() {
        let times = [Micros(0), Micros(0).plus_seconds(7200)];
        let mut forward = Decayed::new(times[0]);
        let mut backward = Decayed::new(times[1]);
        for (early, late) in times.iter().zip(times.iter().rev()) {
            let weights = forward.weigh(*early);
            forward.add(Counter::Adds, weights, 1.0);
            let weights = backward.weigh(*late);
            backward.add(Counter::Adds, weights, 1.0);
        }
        assert_eq!(forward, backward);
    }
}
