//! One row per decision: what it saw, what it chose, what came of it.

use rustc_hash::FxHashSet;

use super::ReplayError;
use super::ahead::{Step, ahead};
use super::awaited::decisions;
use super::input::Journal;
use super::labels::Labels;
use crate::contract::journal_message::Content;
use crate::contract::{DecisionRecord, DecisionRequest, Trigger};
use crate::feature::{ACTION_COUNT, ActionInput, CONTEXT_COUNT, action_features, context_features};
use crate::fold::{Folded, fold};
use crate::ids::{Alias, DecisionId};
use crate::state::State;
use crate::time::Micros;

/// A decision as training and analysis read it.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The decision key.
    pub decision_id: String,
    /// The send key.
    pub send_id: String,
    /// Sequence of the decision's message.
    pub sequence: u64,
    /// The clock reading.
    pub clock: Micros,
    /// First alias of the customer; `None` for nobody known.
    pub customer: Option<Alias>,
    /// The storefront.
    pub storefront_id: String,
    /// What asked for it.
    pub trigger: Trigger,
    /// The action chosen; "none" included.
    pub action_id: String,
    /// Probability with which it was chosen.
    pub propensity: f64,
    /// Whether its message was sent.
    pub contacted: bool,
    /// The decision whose message was sent under the send key: where it is another one, the outcome is that one's.
    pub sent_by: Option<DecisionId>,
    /// Whether the customer was held out.
    pub holdout: bool,
    /// Context features as of the state the decision saw.
    pub context: [f32; CONTEXT_COUNT],
    /// Action features of the action chosen.
    pub action: [f32; ACTION_COUNT],
    /// Whether an order of the customer shared a line with the cart within the window.
    pub recovered: bool,
    /// Value of the first such order, minor units.
    pub order_value_minor: Option<i64>,
    /// From the abandonment (the decision where there was none) to that order.
    pub recovered_seconds: Option<f64>,
    /// How much of the window the journal covers.
    pub observed_seconds: f64,
}

/// Folds the journal and reads a row for each decision that counts; rows are in the order of the decisions' messages.
///
/// # Errors
/// Where a message cannot be read.
pub fn rows(journal: &Journal<'_>, attribution_window_seconds: u32) -> Result<Vec<Row>, ReplayError> {
    let awaited = decisions(journal)?;
    let mut state = State::new();
    let mut labels = Labels::new(attribution_window_seconds);
    let mut rows: Vec<(usize, Row)> = Vec::with_capacity(awaited.len());
    let mut counting = FxHashSet::default();
    ahead(journal, awaited, u64::MAX, |step| {
        match step {
            Step::Read(decision, record) => {
                rows.push((decision.row, read(&state, decision.sequence, record, &mut labels)));
            }
            Step::Fold(sequence, message) => {
                if fold(&mut state, *sequence, message)? == Folded::Applied {
                    labels.hear(&state, message);
                    if matches!(message.content, Some(Content::Decision(_))) {
                        counting.insert(*sequence);
                    }
                }
            }
        }
        Ok(())
    })?;
    for (index, (_, row)) in rows.iter_mut().enumerate() {
        labels.settle(index, state.journal_time(), row);
    }
    rows.retain(|(_, row)| counting.contains(&row.sequence));
    rows.sort_unstable_by_key(|(place, _)| *place);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Reads one row, and lets the labels watch its outcome.
fn read(state: &State, sequence: u64, record: &DecisionRecord, labels: &mut Labels) -> Row {
    let clock = record.clock.as_ref().map(Micros::from_timestamp).unwrap_or_default();
    let aliases: Vec<_> = record
        .aliases
        .iter()
        .filter_map(|alias| Alias::from_bytes(alias))
        .collect();
    let asked_nothing = DecisionRequest::default();
    let request = record.request.as_ref().unwrap_or(&asked_nothing);
    let cart = state.requested_cart(request, clock);
    let mut context = [f32::NAN; CONTEXT_COUNT];
    context_features(
        state,
        &state.customer_as_seen(&aliases),
        Some(&cart),
        clock,
        &mut context,
    );
    let chosen = usize::try_from(record.chosen)
        .ok()
        .and_then(|chosen| record.candidates.get(chosen))
        .cloned();
    let chosen = chosen.unwrap_or_default();
    let choice = chosen.action.unwrap_or_default();
    let mut action = [0.0; ACTION_COUNT];
    action_features(
        &ActionInput::of(&choice, clock, record.cart_value_minor, record.touch),
        &mut action,
    );
    labels.watch(sequence, record, clock, &aliases, &cart);
    Row {
        sequence,
        clock,
        customer: aliases.first().copied(),
        trigger: request.trigger(),
        storefront_id: request.storefront_id.clone(),
        decision_id: record.decision_id.clone(),
        send_id: record.send_id.clone(),
        action_id: choice.action_id,
        propensity: chosen.propensity,
        contacted: false,
        sent_by: None,
        holdout: record.holdout,
        context,
        action,
        recovered: false,
        order_value_minor: None,
        recovered_seconds: None,
        observed_seconds: 0.0,
    }
}
