"""LightGBM's boosters. Their forest is read from LightGBM's own dump: treelite forgets which tests take zero for
missing, and holds a category between -1 and 0 for none where LightGBM cuts it off to 0."""

import math
from typing import Any

import lightgbm
import numpy as np
import treelite
from numpy.typing import NDArray

from cart_recovery.v1.forest_pb2 import Forest, Split, Tree
from training.boosters import grown

_INFINITE = 1e300
_ZERO = float(np.float32(1e-35))
"""To LightGBM, whatever is no further from zero is zero."""


def raw_margins(booster: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """By LightGBM itself, whose raw scores of a random forest are the sum that its answers take the mean of."""
    sums = np.asarray(_booster(booster).predict(rows, raw_score=True), dtype=np.float64)
    model = as_treelite(booster)
    return sums / model.num_tree if grown.is_mean(model) else sums


def as_treelite(booster: Any) -> treelite.Model:
    """As treelite reads it."""
    return grown.margin_model(treelite.frontend.from_lightgbm(_booster(booster)))


def forest_of(booster: Any) -> Forest:
    """From the dump."""
    mean = grown.is_mean(as_treelite(booster))
    model = _booster(booster).dump_model()
    forest = Forest(feature_count=model["max_feature_idx"] + 1, mean=mean)
    for number, tree in enumerate(model["tree_info"]):
        grown.require_small(number, tree["num_leaves"])
        _grow(forest.trees.add(), tree["tree_structure"])
    return forest


def _booster(booster: Any) -> lightgbm.Booster:
    return booster.booster_ if isinstance(booster, lightgbm.LGBMModel) else booster


def _grow(tree: Tree, structure: dict[str, Any]) -> int:
    """Adds a node and what grows from it, parents first; returns the node's place."""
    place = len(tree.nodes)
    node = tree.nodes.add()
    if "leaf_value" in structure:
        node.leaf = structure["leaf_value"]
        return place
    split = _split(structure)
    split.left = _grow(tree, structure["left_child"])
    split.right = _grow(tree, structure["right_child"])
    node.split.CopyFrom(split)
    return place


def _threshold(dumped: float) -> float:
    """JSON knows no infinity, so LightGBM writes what stands for it."""
    return math.copysign(math.inf, dumped) if abs(dumped) >= _INFINITE else dumped


def _split(structure: dict[str, Any]) -> Split:
    """The test of a node, with LightGBM's rules for what is missing: where NaN is not, it counts as zero; where zero
    is, it takes the default side. A category that is missing is none of those named."""
    split = Split(feature=structure["split_feature"])
    if structure["decision_type"] == "==":
        split.categories.values.extend(int(value) for value in structure["threshold"].split("||"))
        return split
    threshold = _threshold(structure["threshold"])
    if -_ZERO <= threshold < 0:
        split.below = -_ZERO
    else:
        split.at_most = _ZERO if 0 <= threshold < _ZERO else threshold
    if structure["missing_type"] == "None":
        split.missing_left = threshold >= 0
    else:
        split.missing_left = structure["default_left"]
    if structure["missing_type"] == "Zero":
        split.zero_left = structure["default_left"]
    return split
