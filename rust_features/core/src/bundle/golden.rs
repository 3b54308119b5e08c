//! Golden rows: the booster's own answers, which the loaded models must give bit for bit.

use prost::Message;

use super::{BundleRefused, Model};
use crate::contract::GoldenRows;
use crate::trees::Evaluator;

/// Checks both models against the rows.
pub(super) fn check(
    bytes: &[u8],
    path: &str,
    baseline: &dyn Evaluator,
    effect: &dyn Evaluator,
) -> Result<(), BundleRefused> {
    let golden = GoldenRows::decode(bytes).map_err(|_| BundleRefused::Unparsable {
        path: path.into(),
        expected: "GoldenRows",
    })?;
    if golden.rows.is_empty() {
        return Err(BundleRefused::NoGoldenRows);
    }
    for (row, golden) in golden.rows.iter().enumerate() {
        let split = golden.features.split_at_checked(baseline.features());
        let Some((context, action)) = split.filter(|_| golden.features.len() == effect.features()) else {
            let (found, expected) = (golden.features.len(), effect.features());
            return Err(BundleRefused::GoldenShape { row, found, expected });
        };
        let answers = [
            (
                Model::Baseline,
                margin(baseline, context, &[]),
                golden.baseline_log_odds,
            ),
            (Model::Effect, margin(effect, context, action), golden.effect_log_odds),
        ];
        for (model, found, expected) in answers {
            if found.to_bits() != expected.to_bits() {
                return Err(BundleRefused::GoldenRow {
                    row,
                    model,
                    found,
                    expected,
                });
            }
        }
    }
    Ok(())
}

fn margin(model: &dyn Evaluator, context: &[f32], action: &[f32]) -> f64 {
    let mut margin = [f64::NAN];
    model.margins(context, action, &mut margin);
    margin[0]
}
