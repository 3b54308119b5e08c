//! Relay and feed: what the spool accepted goes into the JOURNAL stream exactly once, and what the journal holds comes
//! back to the fold in its order. One background thread does both; it alone waits for the network.

mod ahead;
mod alone;
mod contacts;
mod directory;
mod envelope;
mod error;
mod feed;
mod journal;
mod paced;
mod progress;
mod publish;
mod pull;
mod reading;
mod relay;
mod resume;
mod seen;
mod session;
mod streams;

pub use alone::read_journal;
pub use error::{ReadError, StartError};
pub use journal::{Clock, Journal, JournalSettings, Sink};
pub use progress::{JournalStatus, Waiter};
pub use reading::Delivered;
pub use resume::Resume;
