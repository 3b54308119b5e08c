//! Counters of the edges that a run took. The compiler puts one byte at each edge and tells their place at start; built
//! without that there are none, and every input is as good as another.
#![allow(unsafe_code)]

use std::slice;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

static START: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Called by instrumented code before `main`, once per object file, always with the whole range.
///
/// # Safety
/// `start` to `stop` is the section of counters, which lives as long as the process.
// SAFETY: the name is the one that the instrumentation calls; nothing else defines it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    START.store(start, Ordering::Relaxed);
    LENGTH.store(stop as usize - start as usize, Ordering::Relaxed);
}

/// The counters; one thread runs at a time.
fn counters() -> &'static mut [u8] {
    let start = START.load(Ordering::Relaxed);
    if start.is_null() {
        return &mut [];
    }
    // SAFETY: the range is that of the section; a slice lives no longer than one function of this module, during which
    // only counters of this very code change.
    unsafe { slice::from_raw_parts_mut(start, LENGTH.load(Ordering::Relaxed)) }
}

/// Which edges were taken, and how often in powers of two.
pub(crate) struct Seen {
    buckets: Vec<u8>,
    edges: usize,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![0; counters().len()],
            edges: 0,
        }
    }

    /// Edges taken so far.
    pub(crate) fn edges(&self) -> usize {
        self.edges
    }

    /// Whether `run` took an edge, or took it more often, as no run before.
    pub(crate) fn is_news(&mut self, run: impl FnOnce()) -> bool {
        counters().fill(0);
        run();
        let mut news = false;
        let (seen, counted) = (self.buckets.as_chunks_mut::<32>().0, counters().as_chunks::<32>().0);
        for (seen, counted) in seen.iter_mut().zip(counted) {
            if *counted == [0; 32] {
                continue;
            }
            for (seen, count) in seen.iter_mut().zip(counted) {
                let bucket = bucket(*count);
                if bucket & !*seen != 0 {
                    self.edges += usize::from(*seen == 0);
                    *seen |= bucket;
                    news = true;
                }
            }
        }
        news
    }
}

/// A bit for each edge, set where `run` takes it.
pub(crate) fn edges_of(run: impl FnOnce()) -> Vec<u64> {
    counters().fill(0);
    run();
    let words = counters().chunks(64);
    let bits = |counts: &[u8]| {
        counts
            .iter()
            .rev()
            .fold(0, |bits, count| bits << 1 | u64::from(*count != 0))
    };
    words.map(bits).collect()
}

/// A bit for 1, 2, 3, up to 7, up to 15, up to 31, up to 127 and more times; 0 for none.
fn bucket(count: u8) -> u8 {
    match count {
        0 => 0,
        1..=3 => 1 << (count - 1),
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        _ => 128,
    }
}
