//! Evaluation of tree models behind one trait. Where a model comes from and whether it may be trusted is the
//! bundle's matter, not decided here.

mod library;

pub use library::{CompiledTrees, TreesRefused};

/// A model that gives a margin (log-odds) per row of features.
pub trait Evaluator: Send + Sync {
    /// Features of one row.
    fn features(&self) -> usize;

    /// Writes the margin of every row of `rows` (row-major, NaN where missing) to `out`; NaN where `rows` ends
    /// before `out` does.
    fn margins(&self, rows: &[f32], out: &mut [f64]);
}
