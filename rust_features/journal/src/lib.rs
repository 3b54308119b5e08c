//! Relay and feed: what the spool accepted goes into the JOURNAL stream exactly once, and what the journal holds comes
//! back to the fold in its order. One background thread does both; it alone waits for the network.

mod contacts;
mod directory;
mod envelope;
mod error;
mod feed;
mod journal;
mod progress;
mod publish;
mod relay;
mod resume;
mod seen;
mod session;
mod streams;

pub use error::StartError;
pub use feed::Delivered;
pub use journal::{Clock, Journal, JournalSettings, Sink};
pub use progress::{JournalStatus, WaitingPlace};
pub use resume::Resume;
