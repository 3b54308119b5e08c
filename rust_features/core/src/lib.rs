//! The engine of Cart Recovery: edge, fold, features, trees, decision and spool, as pure functions and plain
//! data. No Python, no network, no clock and no global random numbers live here: time, seeds and ids are arguments.

pub mod bundle;
pub mod channel;
pub mod confirm;
pub mod contract;
pub mod decide;
pub mod digest;
pub mod edge;
pub mod explain;
pub mod feature;
pub mod fold;
pub mod ids;
pub mod keyed;
mod kind;
pub mod offline;
pub mod policy;
pub mod refusal;
pub mod replay;
pub mod sharded;
pub mod snapshot;
pub mod spool;
pub mod state;
pub mod time;
pub mod trees;

/// Changes whenever fold, feature or policy code may change a bit of a decision.
pub const ENGINE_VERSION: &str = "1";
