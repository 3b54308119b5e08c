"""LightGBM's boosters. Their forest is read from LightGBM's own dump: treelite forgets which tests take zero for
missing, and holds a category between -1 and 0 for none where LightGBM cuts it off to 0. A model where that tells is
not compiled."""

import math
from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np
import treelite
from numpy.typing import NDArray

from cart_recovery.v1.forest_pb2 import Forest, Split, Tree
from training.boosters import grown
from training.boosters.errors import ExportFailed

_INFINITE = 1e300
_ZERO = float(np.float32(1e-35))
"""To LightGBM, whatever is no further from zero is zero."""
_BELOW_ZERO = math.nextafter(-_ZERO, -math.inf)


def raw_margins(booster: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """By LightGBM itself, whose raw scores of a random forest are the sum that its answers take the mean of."""
    sums = np.asarray(_booster(booster).predict(rows, raw_score=True), dtype=np.float64)
    model = as_treelite(booster)
    return sums / model.num_tree if grown.is_mean(model) else sums


def as_treelite(booster: Any) -> treelite.Model:
    """As treelite reads it, which knows nothing of LightGBM's zero: that is put into the thresholds."""
    try:
        model = treelite.frontend.from_lightgbm(_booster(booster))
    except treelite.TreeliteError as error:
        raise ExportFailed(f"treelite does not read this LightGBM model: {error}") from error
    for number in range(model.num_tree):
        tree = model.get_tree_accessor(number)
        thresholds = [_threshold(threshold) for threshold in tree.get_field("threshold").tolist()]
        tree.set_field("threshold", np.array(thresholds))
    return grown.margin_model(model)


def compilable(booster: Any) -> treelite.Model:
    """As treelite reads it, where it forgets nothing that tells. Raises ExportFailed."""
    model = _booster(booster).dump_model()
    for number, tree in enumerate(model["tree_info"]):
        for split in _splits(tree["tree_structure"]):
            _require_compilable(split, number, model["feature_names"][split["split_feature"]])
    return as_treelite(booster)


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


def _splits(structure: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes that test a feature."""
    waiting = [structure]
    while waiting:
        node = waiting.pop()
        if "leaf_value" not in node:
            yield node
            waiting += [node["left_child"], node["right_child"]]


def _require_compilable(split: dict[str, Any], number: int, name: str) -> None:
    """Raises ExportFailed where compiled code would send a value elsewhere."""
    if split["decision_type"] == "==":
        if 0 in _categories(split):
            raise ExportFailed(
                f"tree {number} takes -1 to 0 for category 0 of {name!r}, which compiled code does not; "
                f"number the categories from 1, or {grown.SMALLER_TREES}"
            )
    # Compiled code has zero and what is missing take the side of zero.
    elif split["missing_type"] == "Zero" and split["default_left"] != (split["threshold"] >= 0):
        raise ExportFailed(
            f"tree {number} takes zeros of {name!r} for missing, which compiled code does not; train without "
            f"`zero_as_missing`, or {grown.SMALLER_TREES}"
        )


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


def _categories(split: dict[str, Any]) -> list[int]:
    return [int(value) for value in split["threshold"].split("||")]


def _threshold(written: float) -> float:
    """What values are compared to, so that all of LightGBM's zeros go where 0 goes. JSON knows no infinity: a dump has
    what stands for it."""
    if abs(written) >= _INFINITE:
        return math.copysign(math.inf, written)
    if -_ZERO <= written < _ZERO:
        return _ZERO if written >= 0 else _BELOW_ZERO
    return written


def _split(structure: dict[str, Any]) -> Split:
    """The test of a node, with LightGBM's rules for what is missing: where NaN is not, it counts as zero; where zero
    is, it takes the default side. A category that is missing is none of those named."""
    split = Split(feature=structure["split_feature"])
    if structure["decision_type"] == "==":
        split.categories.values.extend(_categories(structure))
        return split
    split.at_most = _threshold(structure["threshold"])
    if structure["missing_type"] == "None":
        split.missing_left = split.at_most >= 0
    else:
        split.missing_left = structure["default_left"]
    if structure["missing_type"] == "Zero":
        split.zero_left = structure["default_left"]
    return split
