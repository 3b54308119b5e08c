//! Re-execution of stored decisions: one fold of the journal, each decision taken again at the state it saw.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ahead::{Step, ahead};
use super::awaited::decisions;
use super::{Journal, ReplayError};
use crate::bundle::{Bundle, BundleRefused};
use crate::contract::DecisionRecord;
use crate::decide::{NotExecutable, execute};
use crate::fold::fold;
use crate::keyed::Key;
use crate::state::State;

/// A decision as it was stored and as it comes out again.
#[derive(Debug)]
pub struct Execution {
    /// The record in the journal.
    pub stored: DecisionRecord,
    /// What the same arguments give now; equal to `stored`, or something was altered.
    pub executed: Result<DecisionRecord, NotExecuted>,
}

/// Why one decision could not be executed again.
#[derive(Debug, thiserror::Error)]
pub enum NotExecuted {
    /// Its bundle cannot be loaded.
    #[error("bundle {bundle_id}: {source}")]
    Bundle {
        /// Which one.
        bundle_id: String,
        /// Why.
        source: BundleRefused,
    },
    /// Engine, bundle or state are not those of the record.
    #[error(transparent)]
    Arguments(#[from] NotExecutable),
}

/// Executes the first record of every decision of the journal again, or of the one asked for, in the order of the journal;
/// nothing where it does not hold that one. `bundle_of` loads a bundle by its id, once for each run of decisions of one bundle.
///
/// # Errors
/// Where the journal cannot be read.
pub fn executions(
    journal: &Journal<'_>,
    decision_id: Option<&str>,
    mut bundle_of: impl FnMut(&str) -> Result<Arc<Bundle>, BundleRefused>,
    key: &Key,
) -> Result<Vec<Execution>, ReplayError> {
    let mut awaited = decisions(journal)?;
    awaited.retain(|awaited| decision_id.is_none_or(|id| awaited.decision_id == id));
    let mut firsts = FxHashMap::default();
    for awaited in &awaited {
        let first = firsts.entry(awaited.decision_id.clone()).or_insert(awaited.row);
        *first = awaited.row.min(*first);
    }
    awaited.retain(|awaited| firsts.get(&awaited.decision_id) == Some(&awaited.row));
    let mut state = State::new();
    let mut held: Option<Arc<Bundle>> = None;
    let mut found = Vec::with_capacity(awaited.len());
    let until = awaited.back().map_or(0, |last| last.state_sequence);
    ahead(journal, awaited, until, |step| {
        match step {
            Step::Read(decision, record) => {
                let stored = std::mem::take(record);
                let executed = bundle_for(&stored.bundle_id, &mut held, &mut bundle_of)
                    .and_then(|bundle| Ok(execute(&state, &bundle, &stored, key)?));
                found.push((decision.row, Execution { stored, executed }));
            }
            Step::Fold(sequence, message) => {
                fold(&mut state, *sequence, message)?;
            }
        }
        Ok(())
    })?;
    found.sort_unstable_by_key(|(row, _)| *row);
    Ok(found.into_iter().map(|(_, execution)| execution).collect())
}

fn bundle_for(
    bundle_id: &str,
    held: &mut Option<Arc<Bundle>>,
    bundle_of: &mut impl FnMut(&str) -> Result<Arc<Bundle>, BundleRefused>,
) -> Result<Arc<Bundle>, NotExecuted> {
    if let Some(bundle) = held.as_ref().filter(|bundle| bundle.id == bundle_id) {
        return Ok(Arc::clone(bundle));
    }
    let bundle = bundle_of(bundle_id).map_err(|source| NotExecuted::Bundle {
        bundle_id: bundle_id.to_owned(),
        source,
    })?;
    Ok(Arc::clone(held.insert(bundle)))
}
