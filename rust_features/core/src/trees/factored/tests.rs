use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::contract::node::Node as Kind;
use crate::contract::split::Test as Form;
use crate::contract::{self, Categories, Forest, Node, Split};

const FEATURES: u32 = 5;
const CONTEXT: usize = 3;

/// A tree before it is written down.
#[derive(Clone, Debug)]
enum Plant {
    Leaf(f64),
    Split(Split, Box<Plant>, Box<Plant>),
}

impl Plant {
    fn write(&self, nodes: &mut Vec<Node>) {
        let place = nodes.len();
        nodes.push(Node::default());
        let kind = match self {
            Self::Leaf(value) => Kind::Leaf(*value),
            Self::Split(split, left, right) => {
                let mut split = split.clone();
                split.left = u32::try_from(nodes.len()).unwrap();
                left.write(nodes);
                split.right = u32::try_from(nodes.len()).unwrap();
                right.write(nodes);
                Kind::Split(split)
            }
        };
        nodes[place].node = Some(kind);
    }

    /// The answer, step by step from the root, in double precision as the booster walks.
    fn walk(&self, row: &[f32]) -> f64 {
        match self {
            Self::Leaf(value) => *value,
            Self::Split(split, left, right) => {
                let value = f64::from(row[split.feature as usize]);
                if goes_left(split, value) {
                    left.walk(row)
                } else {
                    right.walk(row)
                }
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn goes_left(split: &Split, value: f64) -> bool {
    if value.is_nan() {
        return split.missing_left;
    }
    if let Some(left) = split.zero_left
        && value.abs() <= f64::from(1e-35_f32)
    {
        return left;
    }
    match split.test.as_ref().unwrap() {
        Form::AtMost(threshold) => value <= *threshold,
        Form::Below(threshold) => value < *threshold,
        Form::Categories(categories) => {
            let whole = value.trunc() as i64;
            let named = if categories.nonnegative {
                value >= 0.0
            } else {
                whole >= 0
            };
            named && categories.values.iter().any(|category| i64::from(*category) == whole)
        }
    }
}

/// Values that meet thresholds exactly, beside them and between two `f32`.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        2 => (-4_i8..=4).prop_map(|value| f32::from(value) / 2.0),
        1 => Just(f32::NAN),
        1 => prop::sample::select(vec![0.0, -0.0, 1e-36, -1e-36, 1e-34, f32::INFINITY, f32::NEG_INFINITY, f32::MAX]),
        1 => any::<f32>(),
        1 => (-4_i8..=4).prop_map(|value| (f32::from(value) / 2.0).next_up()),
    ]
}

fn threshold() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-4_i8..=4).prop_map(|value| f64::from(value) / 2.0),
        (-4_i8..=4).prop_map(|value| (f64::from(value) / 2.0).next_up()),
        (-4_i8..=4).prop_map(|value| (f64::from(value) / 2.0).next_down()),
        (-1e39_f64..1e39),
        prop::sample::select(vec![f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::INFINITY]),
    ]
}

fn split() -> impl Strategy<Value = Split> {
    let form = prop_oneof![
        4 => threshold().prop_map(Form::AtMost),
        2 => threshold().prop_map(Form::Below),
        1 => (prop::collection::vec(0_u32..5, 0..4), any::<bool>())
            .prop_map(|(values, nonnegative)| Form::Categories(Categories { values, nonnegative })),
    ];
    (
        0..FEATURES,
        form,
        any::<bool>(),
        prop::option::weighted(0.2, any::<bool>()),
    )
        .prop_map(|(feature, form, missing_left, zero_left)| Split {
            feature,
            test: Some(form),
            missing_left,
            zero_left,
            ..Split::default()
        })
}

fn plant() -> impl Strategy<Value = Plant> {
    let leaf = (-1.0..1.0_f32).prop_map(|value| Plant::Leaf(f64::from(value)));
    leaf.prop_recursive(6, 60, 2, |inner| {
        (split(), inner.clone(), inner)
            .prop_map(|(split, left, right)| Plant::Split(split, Box::new(left), Box::new(right)))
    })
}

fn forest(plants: &[Plant]) -> Forest {
    let trees = plants.iter().map(|plant| {
        let mut nodes = Vec::new();
        plant.write(&mut nodes);
        contract::Tree { nodes }
    });
    Forest {
        feature_count: FEATURES,
        trees: trees.collect(),
        ..Forest::default()
    }
}

/// The margin of the leaves that a walk finds, as the contract has it.
#[allow(clippy::cast_possible_truncation)]
fn margin(forest: &Forest, leaves: impl ExactSizeIterator<Item = f64>) -> f64 {
    let trees = u32::try_from(leaves.len()).unwrap();
    let sum = if forest.single_precision {
        f64::from(leaves.fold(-0.0_f32, |sum, leaf| sum + leaf as f32))
    } else {
        leaves.fold(0.0, |sum, leaf| sum + leaf)
    };
    if forest.mean && trees > 0 {
        sum / f64::from(trees)
    } else {
        sum
    }
}

proptest! {
    #[test]
    fn every_action_gets_the_margin_of_the_leaves_that_a_walk_finds(
        plants in prop::collection::vec(plant(), 0..12),
        single_precision in any::<bool>(),
        mean in any::<bool>(),
        context in prop::collection::vec(value(), CONTEXT),
        actions in prop::collection::vec(prop::collection::vec(value(), FEATURES as usize - CONTEXT), 0..40),
    ) {
        let forest = Forest { single_precision, mean, ..forest(&plants) };
        let trees = FactoredTrees::read(&forest.encode_to_vec()).unwrap();
        let mut margins = vec![7.0; actions.len()];
        trees.margins(&context, &actions.concat(), &mut margins);
        for (action, found) in actions.iter().zip(margins) {
            let row = [context.as_slice(), action].concat();
            let walked = margin(&forest, plants.iter().map(|plant| plant.walk(&row)));
            prop_assert_eq!(found.to_bits(), walked.to_bits());
        }
    }

    #[test]
    fn no_bytes_are_too_much_for_it(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = FactoredTrees::read(&bytes);
    }

    #[test]
    fn a_damaged_forest_is_refused_or_evaluated(
        plants in prop::collection::vec(plant(), 1..4), at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let mut bytes = forest(&plants).encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(trees) = FactoredTrees::read(&bytes) {
            let mut margins = [0.0; 2];
            trees.margins(&[1.0], &vec![0.5; 2 * trees.features()], &mut margins);
        }
    }
}

fn read(nodes: Vec<Node>) -> Result<FactoredTrees, ForestRefused> {
    let trees = vec![contract::Tree { nodes }];
    FactoredTrees::read(
        &Forest {
            feature_count: 1,
            trees,
            ..Forest::default()
        }
        .encode_to_vec(),
    )
}

fn fork(left: u32, right: u32) -> Node {
    Node {
        node: Some(Kind::Split(Split {
            left,
            right,
            test: Some(Form::AtMost(0.0)),
            ..Split::default()
        })),
    }
}

fn leaf(value: f64) -> Node {
    Node {
        node: Some(Kind::Leaf(value)),
    }
}

/// A tree with so many leaves that each split has one to its left.
fn chain(leaves: u32) -> Vec<Node> {
    let splits = (0..leaves - 1).flat_map(|step| [fork(2 * step + 1, 2 * step + 2), leaf(f64::from(step))]);
    splits.chain([leaf(0.5)]).collect()
}

#[test]
fn a_tree_of_64_leaves_is_evaluated_and_one_of_65_is_not() {
    for leaves in [31, 32, 33, 63, 64] {
        let trees = read(chain(leaves)).unwrap();
        let mut margin = [0.0];
        trees.margins(&[1.0], &[], &mut margin);
        assert_eq!(margin.map(f64::to_bits), [0.5_f64.to_bits()]);
    }
    assert_eq!(read(chain(65)).unwrap_err(), ForestRefused::TooManyLeaves { tree: 0 });
}

#[test]
fn a_deep_tree_without_leaves_ends() {
    let nodes = (0..100_000).map(|place| fork(place + 1, place + 1)).collect();
    assert_eq!(read(nodes).unwrap_err(), ForestRefused::TooManyLeaves { tree: 0 });
}

#[test]
fn faults_are_told_with_their_place() {
    let nodes = [
        vec![],
        vec![fork(0, 1), leaf(1.0)],
        vec![fork(1, 2), leaf(1.0)],
        vec![fork(1, 2), leaf(f64::NAN), leaf(1.0)],
        vec![fork(1, 2), leaf(1.0), Node::default()],
    ];
    for nodes in nodes {
        let refused = read(nodes).unwrap_err();
        assert!(refused.to_string().starts_with("tree 0, node "), "{refused}");
    }
    let too_many = Forest {
        feature_count: u32::MAX,
        ..Forest::default()
    };
    let refused = FactoredTrees::read(&too_many.encode_to_vec()).unwrap_err();
    assert_eq!(refused, ForestRefused::TooManyFeatures { found: u32::MAX });
}

#[test]
fn a_leaf_of_a_single_precision_forest_is_a_single() {
    for (value, taken) in [(0.5, true), (-0.0, true), (0.1, false), (1e300, false)] {
        let forest = Forest {
            trees: vec![contract::Tree {
                nodes: vec![leaf(value)],
            }],
            single_precision: true,
            ..Forest::default()
        };
        let read = FactoredTrees::read(&forest.encode_to_vec());
        assert_eq!(read.is_ok(), taken, "{value}");
    }
}

#[test]
fn what_is_not_given_has_no_margin() {
    let trees = read(vec![leaf(1.0)]).unwrap();
    let mut margins = [0.0; 2];
    trees.margins(&[], &[1.0], &mut margins);
    assert!(margins[0].is_finite() && margins[1].is_nan());
    trees.margins(&[1.0, 2.0], &[], &mut margins);
    assert!(margins.iter().all(|margin| margin.is_nan()));
}

#[test]
fn a_value_above_many_bounds_passes_all_their_tests() {
    let step = |bound: u8| {
        let split = Split {
            test: Some(Form::AtMost(f64::from(bound))),
            ..Split::default()
        };
        Plant::Split(split, Box::new(Plant::Leaf(0.0)), Box::new(Plant::Leaf(1.0)))
    };
    let forest = forest(&(0..200).rev().map(step).collect::<Vec<_>>());
    let trees = FactoredTrees::read(&forest.encode_to_vec()).unwrap();
    for value in 0_u8..=201 {
        let mut margin = [0.0];
        let context = [f32::from(value), 0.0, 0.0, 0.0, 0.0];
        trees.margins(&context, &[], &mut margin);
        assert_eq!(margin.map(f64::to_bits), [f64::from(value.min(200)).to_bits()]);
    }
}
