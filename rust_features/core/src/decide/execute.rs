//! Re-execution: the same decision again, from its record and the state it was taken in.

use super::{Occasion, decide_with};
use crate::ENGINE_VERSION;
use crate::bundle::Bundle;
use crate::contract::{DecisionRecord, DecisionRequest};
use crate::keyed::Key;
use crate::state::State;
use crate::time::Micros;

/// Why a record cannot be executed again here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotExecutable {
    /// Another engine decided.
    #[error("engine {found} decided, this is engine {ENGINE_VERSION}")]
    EngineVersion {
        /// The record's.
        found: String,
    },
    /// Another bundle decided.
    #[error("bundle {found} decided, {expected} is given")]
    Bundle {
        /// The record's.
        found: String,
        /// The one given.
        expected: String,
    },
    /// The state is that of another sequence.
    #[error("decided at sequence {found}, the state is at {expected}")]
    Sequence {
        /// The record's.
        found: u64,
        /// The state's.
        expected: u64,
    },
}

/// Decides again. The result equals the record byte for byte where nothing was altered.
///
/// # Errors
/// Where engine, bundle or state are not those of the record.
pub fn execute(
    state: &State,
    bundle: &Bundle,
    record: &DecisionRecord,
    key: &Key,
) -> Result<DecisionRecord, NotExecutable> {
    if record.engine_version != ENGINE_VERSION {
        return Err(NotExecutable::EngineVersion {
            found: record.engine_version.clone(),
        });
    }
    if record.bundle_id != bundle.id {
        return Err(NotExecutable::Bundle {
            found: record.bundle_id.clone(),
            expected: bundle.id.clone(),
        });
    }
    if record.state_sequence != state.sequence() {
        return Err(NotExecutable::Sequence {
            found: record.state_sequence,
            expected: state.sequence(),
        });
    }
    let nothing = DecisionRequest::default();
    let request = record.request.as_ref().unwrap_or(&nothing);
    let clock = record.clock.as_ref().map(Micros::from_timestamp).unwrap_or_default();
    Ok(decide_with(
        &Occasion::resolve(state, request, clock),
        bundle,
        record.seed,
        key,
    ))
}
