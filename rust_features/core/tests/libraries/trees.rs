//! A compiled model answers what its leaves say.

use cart_recovery_core::trees::{CompiledTrees, Evaluator, TreesRefused};

use crate::model::{Model, build};

fn load(model: &Model) -> Option<Result<CompiledTrees, TreesRefused>> {
    Some(CompiledTrees::from_verified_bytes(&build(model)?))
}

#[test]
fn margins_are_the_sum_of_the_leaves_and_missing_goes_its_own_way() {
    let model = Model {
        features: 3,
        weights: vec![1.0, 0.5, -2.0],
        ..Model::default()
    };
    let Some(trees) = load(&model) else { return };
    let trees = trees.unwrap();
    assert_eq!(trees.features(), 3);
    let mut margins = [7.0; 3];
    let rows = [2.0, 0.0, 0.0, f32::NAN, 3.0, 1.0, -1.0, f32::NAN, f32::NAN];
    trees.margins(&[], &rows, &mut margins);
    let expected: Vec<f64> = rows.chunks(3).map(|row| model.margin(row)).collect();
    assert_eq!(
        margins.map(f64::to_bits).to_vec(),
        expected.iter().map(|m| m.to_bits()).collect::<Vec<_>>()
    );
    assert_eq!(expected, [1.25, -100.75, -200.5]);
}

#[test]
fn rows_that_are_not_there_have_no_margin() {
    let model = Model {
        features: 2,
        weights: vec![1.0, 1.0],
        ..Model::default()
    };
    let Some(trees) = load(&model) else { return };
    let mut margins = [0.0; 2];
    trees.unwrap().margins(&[1.0], &[1.0], &mut margins);
    assert!(margins[0].is_finite() && margins[1].is_nan());
}

#[test]
fn two_libraries_stay_apart() {
    let first = Model {
        features: 1,
        weights: vec![1.0],
        ..Model::default()
    };
    let second = Model {
        features: 1,
        weights: vec![2.0],
        ..Model::default()
    };
    let (Some(first), Some(second)) = (load(&first), load(&second)) else {
        return;
    };
    let (mut one, mut two) = ([0.0], [0.0]);
    first.unwrap().margins(&[1.0], &[], &mut one);
    second.unwrap().margins(&[], &[1.0], &mut two);
    assert_ne!(one.map(f64::to_bits), two.map(f64::to_bits));
}

#[test]
fn a_model_with_single_precision_leaves_is_refused() {
    let model = Model {
        leaf_type: "float32",
        ..Model::default()
    };
    let Some(refused) = load(&model) else { return };
    assert!(matches!(
        refused,
        Err(TreesRefused::Shape {
            what: "the type of leaves",
            ..
        })
    ));
}
