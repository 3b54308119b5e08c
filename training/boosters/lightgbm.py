"""LightGBM's boosters. Their forest is read from LightGBM's own dump: treelite forgets which tests take zero for
missing, and holds a category between -1 and 0 for none where LightGBM cuts it off to 0."""

import math
from typing import Any

import lightgbm
import numpy as np
import treelite
from numpy.typing import NDArray

from cart_recovery.v1.forest_pb2 import Forest, Split, Tree
from training.boosters.errors import NoForest
from training.boosters.grown import MAX_LEAVES, margin_model

_INFINITE = 1e300


def raw_margins(booster: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """By LightGBM itself."""
    return np.asarray(_booster(booster).predict(rows, raw_score=True), dtype=np.float64)


def as_treelite(booster: Any) -> treelite.Model:
    """As treelite reads it."""
    return margin_model(treelite.frontend.from_lightgbm(_booster(booster)))


def forest_of(booster: Any) -> Forest:
    """From the dump."""
    as_treelite(booster)  # for its checks
    model = _booster(booster).dump_model()
    forest = Forest(feature_count=model["max_feature_idx"] + 1, mean=model["average_output"])
    for number, tree in enumerate(model["tree_info"]):
        if tree["num_leaves"] > MAX_LEAVES:
            raise NoForest(f"tree {number} has {tree['num_leaves']} leaves, of which it can have {MAX_LEAVES}")
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
    split.at_most = _threshold(structure["threshold"])
    if structure["missing_type"] == "None":
        split.missing_left = split.at_most >= 0
    else:
        split.missing_left = structure["default_left"]
    if structure["missing_type"] == "Zero":
        split.zero_left = structure["default_left"]
    return split
