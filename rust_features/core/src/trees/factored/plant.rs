//! From a `Forest` of the contract to trees that can be evaluated, or the reason why not.

use prost::Message;

use super::grove::Grove;
use super::mask::Mask;
use super::sieve::{Cut, Sieve};
use super::total::Total;
use super::{FactoredTrees, MAX_LEAVES, Width};
use crate::contract::node::Node as Kind;
use crate::contract::{self, Forest, Node};

/// Features of one model: far more than any table has, few enough to make room for.
const MAX_FEATURES: u32 = 1 << 16;

/// Why a forest is not evaluated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ForestRefused {
    /// The bytes are no `Forest`.
    #[error("it is not a Forest")]
    Unparsable,
    /// More features than any model has.
    #[error("it has {found} features, of which there can be {MAX_FEATURES}")]
    TooManyFeatures {
        /// As it says.
        found: u32,
    },
    /// A tree is too large.
    #[error("tree {tree} has more than {MAX_LEAVES} leaves; compile the model")]
    TooManyLeaves {
        /// Its place.
        tree: u32,
    },
    /// A node is not what it should be.
    #[error("tree {tree}, node {node}: {fault}")]
    Node {
        /// The tree's place.
        tree: u32,
        /// The node's place in it.
        node: usize,
        /// What is wrong.
        fault: &'static str,
    },
}

impl FactoredTrees {
    /// Reads a serialised `Forest`.
    ///
    /// # Errors
    /// The first fault.
    pub fn read(bytes: &[u8]) -> Result<Self, ForestRefused> {
        let forest = Forest::decode(bytes).map_err(|_| ForestRefused::Unparsable)?;
        if forest.feature_count > MAX_FEATURES {
            let found = forest.feature_count;
            return Err(ForestRefused::TooManyFeatures { found });
        }
        Ok(Self(match Grove::read(&forest) {
            Err(ForestRefused::TooManyLeaves { .. }) => Width::Wide(Grove::read(&forest)?),
            narrow => Width::Narrow(narrow?),
        }))
    }
}

impl<M: Mask> Grove<M> {
    fn read(forest: &Forest) -> Result<Self, ForestRefused> {
        let mut planted = Self {
            total: Total::read(forest),
            ..Self::default()
        };
        planted
            .sieves
            .resize_with(forest.feature_count as usize, Sieve::default);
        for (number, tree) in (0..).zip(&forest.trees) {
            planted.plant(number, tree)?;
        }
        let trees = planted.leaves.len();
        planted.sieves.iter_mut().for_each(|sieve| sieve.prepare(trees));
        Ok(planted)
    }

    fn plant(&mut self, number: u32, tree: &contract::Tree) -> Result<(), ForestRefused> {
        let mut planting = Planting {
            grove: self,
            number,
            nodes: &tree.nodes,
            leaves: 0,
            values: [0.0; MAX_LEAVES],
        };
        let whole = planting.node(0, 0)?;
        let values = planting.values;
        self.whole.push(whole);
        self.leaves.push(values);
        Ok(())
    }
}

/// One tree on its way.
struct Planting<'a, M> {
    grove: &'a mut Grove<M>,
    number: u32,
    nodes: &'a [Node],
    leaves: usize,
    values: [f64; MAX_LEAVES],
}

impl<M: Mask> Planting<'_, M> {
    /// Plants what grows from a node, left before right; gives its leaves.
    fn node(&mut self, place: usize, depth: usize) -> Result<M, ForestRefused> {
        // Each step down leaves a leaf at least behind it.
        if depth >= M::LEAVES {
            return Err(ForestRefused::TooManyLeaves { tree: self.number });
        }
        match self.nodes.get(place).and_then(|node| node.node.as_ref()) {
            None => Err(self.fault(place, "it is empty or not there")),
            Some(Kind::Leaf(value)) => self.leaf(place, *value),
            Some(Kind::Split(split)) => {
                let (left, right) = (split.left as usize, split.right as usize);
                if left <= place || right <= place {
                    return Err(self.fault(place, "a child does not come after it"));
                }
                let left = self.node(left, depth + 1)?;
                let right = self.node(right, depth + 1)?;
                let (tree, kept) = (self.number, !left);
                let sieve = self.grove.sieves.get_mut(split.feature as usize);
                if sieve.is_some_and(|sieve| sieve.add(split, Cut { tree, kept })) {
                    Ok(left | right)
                } else {
                    Err(self.fault(
                        place,
                        "its feature or its test is not there, or its threshold cannot be compared to",
                    ))
                }
            }
        }
    }

    fn leaf(&mut self, place: usize, value: f64) -> Result<M, ForestRefused> {
        if !self.grove.total.takes(value) {
            return Err(self.fault(place, "its value is no number, or none of the forest's precision"));
        }
        let Some(place) = self.values[..M::LEAVES].get_mut(self.leaves) else {
            return Err(ForestRefused::TooManyLeaves { tree: self.number });
        };
        *place = value;
        self.leaves += 1;
        Ok(M::leaf(self.leaves - 1))
    }

    fn fault(&self, node: usize, fault: &'static str) -> ForestRefused {
        ForestRefused::Node {
            tree: self.number,
            node,
            fault,
        }
    }
}
