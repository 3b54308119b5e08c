//! One scorer's engine: edge and spool in front, relay and feed behind, the folded state and the active bundle in the
//! middle. Every call takes raw request bytes and gives raw reply bytes; none waits for the network, but a Track whose
//! sender asked for it.

mod clock;
mod confirm;
mod counters;
mod decisions;
mod directory;
mod engine;
mod explain;
mod fire;
mod in_flight;
mod live;
mod open;
mod score;
mod sink;
mod snapshots;
mod status;
mod streamed;
#[cfg(test)]
mod testing;
mod track;

pub use engine::Engine;
pub use open::{EngineSettings, Keys, OpenError};
pub use status::EngineStatus;
pub use streamed::{envelope, streamed};
pub use track::Spooled;
