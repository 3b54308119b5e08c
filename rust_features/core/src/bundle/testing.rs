//! A bundle in memory, with models that are formulas, for tests.

use super::Bundle;
use crate::contract::Policy;
use crate::feature::{CONTEXT_COUNT, FEATURE_COUNT, schema_hash};
use crate::policy::Rules;
use crate::trees::Evaluator;

/// A model that is a formula of the action alone.
pub(crate) struct Formula {
    features: usize,
    margin: fn(&[f32]) -> f64,
}

impl Evaluator for Formula {
    fn features(&self) -> usize {
        self.features
    }

    fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]) {
        let width = self.features - context.len();
        for (index, margin) in out.iter_mut().enumerate() {
            *margin = (self.margin)(&actions[index * width..(index + 1) * width]);
        }
    }
}

/// A bundle in memory: even odds of 1 to 3 without contact, better the deeper the discount, and a little better for
/// any contact.
pub(crate) fn bundle(policy: &Policy) -> Bundle {
    let effect = |action: &[f32]| action.iter().map(|value| f64::from(*value).min(1.0) * 0.3).sum();
    Bundle {
        id: "0123456789abcdef0123456789abcdef".into(),
        feature_schema_hash: schema_hash(),
        rules: Rules::read(policy).unwrap(),
        baseline: Box::new(Formula {
            features: CONTEXT_COUNT,
            margin: |_| -1.1,
        }),
        effect: Box::new(Formula {
            features: FEATURE_COUNT,
            margin: effect,
        }),
    }
}
