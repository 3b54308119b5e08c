//! How wanted products are: their share of what is added to the carts of their storefront, whose counts halve with age.
//! A share, for counts would tell how old and how busy the shop is. Products of a storefront share a fixed number of
//! buckets by their hash, storefronts likewise: a count for each would have no bound, since whoever may track can invent
//! them; one for each product of the catalogue would depend on which came first, the shopper or the catalogue.

use serde::{Deserialize, Serialize};

use super::decay::{HALF_LIVES_SECONDS, narrow, remaining};
use super::names::short_hash;
use crate::sharded::Sharded;
use crate::time::Micros;

/// Of ten thousand products, one in seven shares its bucket with another.
const PRODUCT_BUCKETS: u32 = 1 << 16;
const STOREFRONT_BUCKETS: u64 = 1 << 12;
/// Sets of product buckets, so that storefronts seldom share one: of three, one time in twenty two of them do.
const SHELVES: u64 = 64;

/// Additions of each bucket.
#[derive(Clone, Default)]
pub(crate) struct Popularity(Sharded<u64, Additions>);

/// Half-lives of a day and of thirty days, as of the latest addition.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Additions {
    landmark: Micros,
    counts: [f32; 2],
}

impl Popularity {
    pub(crate) fn add(&mut self, storefront: &str, product_hash: u32, time: Micros) {
        let fresh = || Additions {
            landmark: time,
            counts: [0.0; 2],
        };
        let storefront = short_hash([storefront]);
        for bucket in [of_product(storefront, product_hash), of_storefront(storefront)] {
            self.0.get_or_insert_with(bucket, fresh).add(time);
        }
    }

    /// Additions of a storefront, halving each day and each thirty days, as of the clock.
    pub(crate) fn of(&self, storefront: &str, clock: Micros) -> OfStorefront<'_> {
        let storefront = short_hash([storefront]);
        OfStorefront {
            popularity: self,
            storefront,
            clock,
            all: self.additions(of_storefront(storefront), clock),
        }
    }

    fn additions(&self, bucket: u64, clock: Micros) -> [f64; 2] {
        let held = self.0.get(&bucket);
        held.map_or([0.0; 2], |additions| additions.as_of(clock))
    }

    pub(crate) fn buckets(&self) -> &Sharded<u64, Additions> {
        &self.0
    }

    pub(crate) fn buckets_mut(&mut self) -> &mut Sharded<u64, Additions> {
        &mut self.0
    }
}

/// What is added to the carts of one storefront.
pub(crate) struct OfStorefront<'a> {
    popularity: &'a Popularity,
    /// Hash of its id.
    storefront: u64,
    clock: Micros,
    /// Of all products.
    pub(crate) all: [f64; 2],
}

impl OfStorefront<'_> {
    /// Additions of the product; no more than those of all.
    pub(crate) fn product(&self, product_hash: u32) -> [f64; 2] {
        let bucket = of_product(self.storefront, product_hash);
        let [day, month] = self.popularity.additions(bucket, self.clock);
        let [all_day, all_month] = self.all;
        [day.min(all_day), month.min(all_month)]
    }
}

fn of_product(storefront: u64, product_hash: u32) -> u64 {
    let shelf = storefront % SHELVES;
    STOREFRONT_BUCKETS + shelf * u64::from(PRODUCT_BUCKETS) + u64::from(product_hash % PRODUCT_BUCKETS)
}

fn of_storefront(storefront: u64) -> u64 {
    storefront % STOREFRONT_BUCKETS
}

impl Additions {
    fn add(&mut self, time: Micros) {
        let mut new = [1.0; 2];
        if time > self.landmark {
            for (count, left) in self.counts.iter_mut().zip(left(time.seconds_since(self.landmark))) {
                *count *= narrow(left);
            }
            self.landmark = time;
        } else {
            new = left(self.landmark.seconds_since(time)).map(narrow);
        }
        for (count, new) in self.counts.iter_mut().zip(new) {
            *count += new;
        }
    }

    fn as_of(&self, clock: Micros) -> [f64; 2] {
        let [day, month] = left(clock.seconds_since(self.landmark));
        [f64::from(self.counts[0]) * day, f64::from(self.counts[1]) * month]
    }
}

/// What is left of an addition after so many seconds, by half-life; the hour's is not kept.
fn left(seconds: f64) -> [f64; 2] {
    let [_, half_lives @ ..] = HALF_LIVES_SECONDS;
    half_lives.map(|half_life| remaining(seconds, half_life))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_halve_and_a_late_one_counts_at_its_own_time() {
        let day = |days: u32| Micros(0).plus_seconds(days * 86_400);
        let (mut forward, mut backward) = (Popularity::default(), Popularity::default());
        for days in 0..3 {
            forward.add("main", 7, day(days));
            backward.add("main", 7, day(2 - days));
        }
        let [by_day, by_month] = forward.of("main", day(3)).product(7);
        assert!((by_day - (0.5 + 0.25 + 0.125)).abs() < 1e-6, "{by_day}");
        assert!(by_month > 2.8 && by_month < 3.0, "{by_month}");
        for (one, other) in forward
            .of("main", day(3))
            .product(7)
            .into_iter()
            .zip(backward.of("main", day(3)).product(7))
        {
            assert!((one - other).abs() < 1e-6 * one);
        }
        assert_eq!(forward.of("main", day(3)).product(8).map(f64::to_bits), [0; 2]);
    }

    #[test]
    fn invented_products_and_storefronts_take_no_more_than_the_buckets() {
        let mut popularity = Popularity::default();
        for product in 0..PRODUCT_BUCKETS * 2 {
            popularity.add("main", product, Micros(0));
        }
        let products = u64::from(PRODUCT_BUCKETS);
        assert_eq!(popularity.0.len() as u64, products + 1);
        for storefront in 0..STOREFRONT_BUCKETS * 20 {
            popularity.add(&storefront.to_string(), 7, Micros(0));
        }
        assert_eq!(popularity.0.len() as u64, products + SHELVES - 1 + STOREFRONT_BUCKETS);
    }
}
