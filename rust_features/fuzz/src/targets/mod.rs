//! What is fuzzed: one file for each reader of bytes, one line in [`TARGETS`], one folder under `corpus`. A target panics
//! where the reader breaks a promise; bytes that it refuses are no crash.

mod decode;
mod fold;
mod forest;
mod score;
mod snapshot;
mod spool;

/// A reader of bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its corpus.
    pub name: &'static str,
    /// One run.
    pub run: fn(&[u8]),
    /// Inputs beside the corpus: those whose form changes with the code.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "decode",
        run: decode::run,
        seeds: Vec::new,
    },
    Target {
        name: "fold",
        run: fold::run,
        seeds: Vec::new,
    },
    Target {
        name: "score",
        run: score::run,
        seeds: Vec::new,
    },
    Target {
        name: "snapshot",
        run: snapshot::run,
        seeds: snapshot::seeds,
    },
    Target {
        name: "spool",
        run: spool::run,
        seeds: spool::seeds,
    },
    Target {
        name: "forest",
        run: forest::run,
        seeds: Vec::new,
    },
];
