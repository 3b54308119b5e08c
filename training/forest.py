"""A LightGBM model as a Forest of the contract: trees as data, which the engine evaluates for all actions together."""

import math
from typing import Any

import lightgbm

from cart_recovery.v1.forest_pb2 import Forest, Split, Tree
from training.export import ExportFailed

MAX_LEAVES = 64
"""Of one tree, as many as the engine's evaluator takes."""
_INFINITE = 1e300


def forest_of(booster: lightgbm.Booster) -> Forest | None:
    """The same trees in the same order; None where one is too large. Raises ExportFailed for a model whose margin is
    not their plain sum."""
    model = booster.dump_model()
    if any(tree["num_leaves"] > MAX_LEAVES for tree in model["tree_info"]):
        return None
    if model["average_output"] or model["num_tree_per_iteration"] != 1:
        raise ExportFailed("a model that averages its trees, or has several outputs, is no Forest")
    forest = Forest(feature_count=model["max_feature_idx"] + 1)
    for tree in model["tree_info"]:
        _grow(forest.trees.add(), tree["tree_structure"])
    return forest


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
