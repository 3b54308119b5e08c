//! The bytes of a forest: refused, or trees that give every row a margin, the same one alone as beside another.

use cart_recovery_core::trees::{Evaluator, FactoredTrees};

/// What rows are made of.
const VALUES: [f32; 7] = [f32::NAN, 0.0, -0.0, 1.0, -2.5, 1e-36, f32::INFINITY];

pub(super) fn run(forest: &[u8]) {
    let Ok(trees) = FactoredTrees::read(forest) else {
        return;
    };
    let features = trees.features();
    if features == 0 {
        return;
    }
    let row = |shift: usize| (0..features).map(move |index| VALUES[(index + shift) % VALUES.len()]);
    let context = features / 2;
    for shift in 0..VALUES.len() {
        let shared: Vec<f32> = row(shift).take(context).collect();
        let actions: Vec<f32> = row(shift).skip(context).chain(row(shift + 1).skip(context)).collect();
        let mut both = [f64::NAN; 2];
        trees.margins(&shared, &actions, &mut both);
        for (action, together) in actions.chunks(features - context).zip(both).take(2) {
            let mut alone = [f64::NAN];
            trees.margins(&shared, action, &mut alone);
            assert_eq!(alone[0].to_bits(), together.to_bits());
        }
    }
}
