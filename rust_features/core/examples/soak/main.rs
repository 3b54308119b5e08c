//! A year of a shop with a constant number of customers, in accelerated time: `cargo run --release --example soak --
//! 50000000`. Carts are filled, left, decided about, ordered and forgotten; every retention passes many times. Tells memory and
//! what is held as it goes, and prints at the end by how much memory grew once nothing new was to come, one figure a line;
//! `cart-recovery loadtest soak` reads them.

mod shop;
#[path = "../support/mod.rs"]
mod support;

use std::error::Error;
use std::fmt;

use shop::Shop;
use support::{START, processor_seconds, resident_bytes};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Readings of a run.
const READINGS: usize = 40;
/// During the first ones, lists of records are still filling up to their bounds.
const WARM_UP: usize = 24;

fn main() -> Result<(), Box<dyn Error>> {
    let events = std::env::args().nth(1).ok_or("say how many events")?.parse()?;
    eprintln!("{}", Reading::HEAD);
    let mut shop = Shop::open(events)?;
    let readings = soak(&mut shop, events, |reading| eprintln!("{reading}"))?;
    let (warm, last) = (&readings[WARM_UP], &readings[READINGS - 1]);
    let growth = Growth::of(&readings[WARM_UP..]);
    println!("events {}", last.events);
    println!("days {:.1}", last.days);
    println!("customers {}", shop.customers);
    println!("warm_resident_bytes {}", warm.resident_bytes);
    println!("warm_bytes_per_customer {}", warm.resident_bytes / shop.customers);
    println!("carts {}", last.carts);
    println!("sessions {}", last.sessions);
    println!("growth_bytes_per_million_events {:.0}", growth.bytes_per_million_events);
    println!("growth_percent {:.4}", growth.share * 100.0);
    Ok(())
}

/// Folds so many events, or a few more.
fn soak(shop: &mut Shop, events: u64, mut tell: impl FnMut(&Reading)) -> Result<Vec<Reading>, Box<dyn Error>> {
    let mut readings = Vec::with_capacity(READINGS);
    let mut visit = 0;
    for number in 1..=READINGS as u64 {
        let (before, started) = (shop.events, processor_seconds());
        while shop.events < events * number / READINGS as u64 {
            shop.visit(visit)?;
            visit += 1;
        }
        let rate = float(shop.events - before) / (processor_seconds() - started);
        let reading = Reading::of(shop, rate);
        tell(&reading);
        readings.push(reading);
    }
    Ok(readings)
}

/// What the process holds at a moment.
struct Reading {
    events: u64,
    days: f64,
    resident_bytes: u64,
    aliases: usize,
    visitors: usize,
    carts: usize,
    sessions: usize,
    decisions: usize,
    event_ids: usize,
    /// Since the reading before, of processor time, the making of the events included.
    events_per_second: f64,
}

impl Reading {
    const HEAD: &str = "     events    day     MiB  aliases visitors    carts sessions decisions event ids events/s";

    fn of(shop: &Shop, events_per_second: f64) -> Self {
        let state = &shop.state;
        Self {
            events: shop.events,
            days: state.journal_time().seconds_since(START) / 86_400.0,
            resident_bytes: resident_bytes(),
            aliases: state.customer_count(),
            visitors: state.visitor_count(),
            carts: state.cart_count(),
            sessions: state.session_count(),
            decisions: state.decision_count(),
            event_ids: state.event_id_count(),
            events_per_second,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:>11} {:>6.1} {:>7} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8.0}",
            self.events,
            self.days,
            self.resident_bytes >> 20,
            self.aliases,
            self.visitors,
            self.carts,
            self.sessions,
            self.decisions,
            self.event_ids,
            self.events_per_second
        )
    }
}

/// By how much memory grew, along the line of least squares through the readings.
#[derive(Debug)]
struct Growth {
    bytes_per_million_events: f64,
    /// Over all of the readings, of the memory at the first one.
    share: f64,
}

impl Growth {
    fn of(readings: &[Reading]) -> Self {
        let count = float(readings.len() as u64);
        let mean =
            |value: fn(&Reading) -> u64| readings.iter().map(|reading| float(value(reading))).sum::<f64>() / count;
        let events = mean(|reading| reading.events);
        let bytes = mean(|reading| reading.resident_bytes);
        let (mut products, mut squares) = (0.0, 0.0);
        for reading in readings {
            let distance = float(reading.events) - events;
            products += distance * (float(reading.resident_bytes) - bytes);
            squares += distance * distance;
        }
        let slope = products / squares;
        let spanned = readings.first().zip(readings.last());
        let (first, spanned) = spanned.map_or((1, 0), |(first, last)| {
            (first.resident_bytes, last.events - first.events)
        });
        Self {
            bytes_per_million_events: slope * 1e6,
            share: slope * float(spanned) / float(first),
        }
    }
}

/// Counts here are far below the 53 bits of a double.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soaked(events: u64) -> Vec<Reading> {
        soak(&mut Shop::open(events).unwrap(), events, |_| ()).unwrap()
    }

    #[test]
    fn what_is_held_stays_as_much_as_it_was_after_the_warm_up() {
        let readings = soaked(60_000);
        let (warm, end) = (&readings[WARM_UP], &readings[READINGS - 1]);
        assert!(end.days > 300.0, "{end}");
        assert_eq!(warm.aliases, end.aliases);
        let held: [fn(&Reading) -> usize; 5] = [
            |reading| reading.visitors,
            |reading| reading.carts,
            |reading| reading.sessions,
            |reading| reading.decisions,
            |reading| reading.event_ids,
        ];
        for held in held {
            let (before, after) = (held(warm), held(end));
            assert!(before > 0 && after.abs_diff(before) * 4 < before, "{warm}\n{end}");
        }
    }

    #[test]
    fn growth_is_that_of_the_line_through_the_readings() {
        let mut readings = soaked(1000);
        for (reading, number) in readings.iter_mut().zip(0..) {
            reading.events = number * 500_000;
            reading.resident_bytes = 1_000_000 + number * 1000 + number % 2 * 10;
        }
        let growth = Growth::of(&readings);
        assert!((growth.bytes_per_million_events - 2000.0).abs() < 10.0, "{growth:?}");
        assert!((growth.share - 0.039).abs() < 1e-3, "{growth:?}");
    }
}
