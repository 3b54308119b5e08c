//! Re-execution of stored decisions: one fold of the journal, each decision taken again at the state it saw.

use std::sync::Arc;

use super::rows::decisions;
use super::{Journal, ReplayError, decode};
use crate::bundle::{Bundle, BundleRefused};
use crate::contract::DecisionRecord;
use crate::decide::{NotExecutable, execute};
use crate::fold::fold;
use crate::keyed::Key;
use crate::state::State;

/// A decision as it was stored and as it comes out again.
#[derive(Clone, PartialEq, Debug)]
pub struct Execution {
    /// The record in the journal.
    pub stored: DecisionRecord,
    /// What the same arguments give now; equal to `stored`, or something was altered.
    pub executed: DecisionRecord,
}

/// Why decisions could not be executed again.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The journal cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A decision's bundle cannot be loaded.
    #[error("bundle {bundle_id}: {source}")]
    Bundle {
        /// Its id.
        bundle_id: String,
        /// Why.
        source: BundleRefused,
    },
    /// Engine, bundle or state are not those of the record.
    #[error("decision {decision_id}: {source}")]
    NotExecutable {
        /// Its id.
        decision_id: String,
        /// Why.
        source: NotExecutable,
    },
    /// The journal does not hold the decision asked for.
    #[error("the journal holds no decision {0}; check the id, or read the journal from its start")]
    Unknown(String),
}

/// Executes the decision asked for again, or every decision. `bundle_of` loads a bundle by its id; it is asked once for
/// each run of decisions of one bundle.
///
/// # Errors
/// Where the journal, a bundle or a record cannot be used.
pub fn executions(
    journal: &Journal<'_>,
    decision_id: Option<&str>,
    mut bundle_of: impl FnMut(&str) -> Result<Arc<Bundle>, BundleRefused>,
    key: &Key,
) -> Result<Vec<Execution>, ExecutionError> {
    let mut awaited = decisions(journal)?;
    if let Some(id) = decision_id {
        awaited.retain(|awaited| awaited.record.decision_id == id);
        if awaited.is_empty() {
            return Err(ExecutionError::Unknown(id.to_owned()));
        }
    }
    let mut state = State::new();
    let mut bundle: Option<Arc<Bundle>> = None;
    let mut found = Vec::with_capacity(awaited.len());
    let mut messages = journal.messages().peekable();
    for awaited in awaited {
        while let Some((sequence, payload)) = messages.next_if(|(at, _)| *at <= awaited.record.state_sequence) {
            fold(&mut state, sequence, &decode(sequence, payload)?).map_err(ReplayError::from)?;
        }
        let bundle_id = &awaited.record.bundle_id;
        let bundle = match &bundle {
            Some(held) if held.id == *bundle_id => held,
            _ => bundle.insert(bundle_of(bundle_id).map_err(|source| ExecutionError::Bundle {
                bundle_id: bundle_id.clone(),
                source,
            })?),
        };
        let executed =
            execute(&state, bundle, &awaited.record, key).map_err(|source| ExecutionError::NotExecutable {
                decision_id: awaited.record.decision_id.clone(),
                source,
            })?;
        found.push((
            awaited.row,
            Execution {
                stored: awaited.record,
                executed,
            },
        ));
    }
    found.sort_unstable_by_key(|(row, _)| *row);
    Ok(found.into_iter().map(|(_, execution)| execution).collect())
}
