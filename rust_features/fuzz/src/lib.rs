//! Coverage-guided fuzzing of everything that reads bytes from outside: targets, the campaign that runs them, and the
//! mutations. Built with coverage by `fuzz/run.py`; without it, as in the tests, mutations are random and nothing is learnt.

pub mod campaign;
mod coverage;
mod mutate;
mod random;
mod targets;
mod wire;
mod world;

pub use targets::{TARGETS, Target};
