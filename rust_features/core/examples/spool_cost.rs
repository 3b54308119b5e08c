//! What accepting a message costs: nothing kept at all, `process` and `disk`, by one caller and by many, in turns.
//! `cargo run --release --example spool_cost -- [DIRECTORY]`, where the directory lies on the disk that is meant.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cart_recovery_core::ids::SpoolId;
use cart_recovery_core::spool::{Durability, Spool};

/// As long as a spooled decision.
const PAYLOAD_BYTES: usize = 800;
const SPOOL_BYTES: u64 = 8 << 30;
const ROUNDS: u32 = 5;
const ROUND: Duration = Duration::from_millis(500);
const CALLERS: [usize; 4] = [1, 4, 16, 64];

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join(format!("spool-cost-{}", std::process::id()));
    let measured = measure(&directory);
    std::fs::remove_dir_all(&directory)?;
    measured
}

fn measure(directory: &Path) -> Result<(), Box<dyn Error>> {
    println!("{PAYLOAD_BYTES} bytes a message; medians of {ROUNDS} rounds");
    println!(
        "{:>8} {:>8} {:>12} {:>12} {:>12}",
        "kept", "callers", "p50 µs", "p99 µs", "messages/s"
    );
    for callers in CALLERS {
        let mut figures = [const { Vec::new() }; 3];
        for round in 0..ROUNDS {
            figures[0].push(round_of(callers, |payload| {
                std::hint::black_box(payload);
            }));
            for (kept, durability) in [(1, Durability::Process), (2, Durability::Disk)] {
                let folder = directory.join(format!("{callers}-{round}-{kept}"));
                let spool = Spool::open(&folder, SpoolId([1; 16]), SPOOL_BYTES, durability)?;
                figures[kept].push(round_of(callers, |payload| {
                    if let Err(refusal) = spool.append(payload) {
                        panic!("{refusal}");
                    }
                }));
                drop(spool);
                std::fs::remove_dir_all(&folder)?;
            }
        }
        for (name, mut rounds) in ["nothing", "process", "disk"].into_iter().zip(figures) {
            rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (p50, p99, rate) = rounds[rounds.len() / 2];
            println!("{name:>8} {callers:>8} {p50:>12.2} {p99:>12.2} {rate:>12.0}");
        }
    }
    Ok(())
}

/// Median and 99th percentile of a call, microseconds, and calls a second of all callers together.
fn round_of(callers: usize, accept: impl Fn(&[u8]) + Sync) -> (f64, f64, f64) {
    let started = Instant::now();
    let mut taken: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|_| scope.spawn(|| calls_until(started + ROUND, &accept)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_default())
            .collect()
    });
    taken.sort_by(f64::total_cmp);
    let at = |share: usize| taken.get(taken.len() * share / 100).copied().unwrap_or_default();
    let count = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    (at(50), at(99), f64::from(count) / started.elapsed().as_secs_f64())
}

fn calls_until(end: Instant, accept: &impl Fn(&[u8])) -> Vec<f64> {
    let payload = vec![7; PAYLOAD_BYTES];
    let mut taken = Vec::new();
    loop {
        let before = Instant::now();
        accept(&payload);
        let after = Instant::now();
        taken.push((after - before).as_secs_f64() * 1e6);
        if after >= end {
            return taken;
        }
    }
}
