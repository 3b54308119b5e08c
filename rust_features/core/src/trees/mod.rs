//! Evaluation of tree models behind one trait. Where a model comes from and whether it may be trusted is the
//! bundle's matter, not decided here.

mod factored;
mod library;

pub use factored::{FactoredTrees, ForestRefused};
pub use library::{CompiledTrees, TreesRefused};

/// A model that gives a margin (log-odds) per action considered in one context.
pub trait Evaluator: Send + Sync {
    /// Features of the context and one action together.
    fn features(&self) -> usize;

    /// Writes the margin of every action to `out`. `actions` holds the features of one after the other, the context
    /// having all the others; NaN is a missing value. Where `actions` ends before `out` does, the margin is NaN.
    fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]);
}

/// The features of the action at `index`; `None` where `actions` does not hold them.
fn action_at(actions: &[f32], width: usize, index: usize) -> Option<&[f32]> {
    actions.get(index * width..(index + 1) * width)
}
