//! What is fuzzed: one file for each reader of bytes, one line in [`TARGETS`], one folder under `corpus`. A target panics
//! where the reader breaks a promise; bytes that it refuses are no crash.

mod decode;
mod fold;
mod forest;
mod score;
mod spool;

/// A reader of bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its corpus.
    pub name: &'static str,
    /// One run.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 5] = [
    Target {
        name: "decode",
        run: decode::run,
    },
    Target {
        name: "fold",
        run: fold::run,
    },
    Target {
        name: "score",
        run: score::run,
    },
    Target {
        name: "spool",
        run: spool::run,
    },
    Target {
        name: "forest",
        run: forest::run,
    },
];
