"""Models as treelite has them, of whatever package: what keeps one from being served, and the forest of one that is.

treelite's field accessors are read, not its JSON: that rounds nothing either, but cannot say infinity.
"""

import math
from typing import Any, cast

import treelite
from treelite.model_builder import Metadata, ModelBuilder, PostProcessorFunc, TreeAnnotation

from cart_recovery.v1.forest_pb2 import Forest, Split, Tree
from training.boosters.errors import ExportFailed, NoForest

MAX_LEAVES = 64
"""Of one tree, as many as the engine's evaluator takes."""
SMALLER_TREES = f"grow trees of at most {MAX_LEAVES} leaves, which the engine evaluates as data"
"""The remedy where a model cannot be compiled."""
_FIELDS = (
    "node_type", "cleft", "cright", "split_index", "default_left", "leaf_value", "threshold", "cmp", "category_list",
    "category_list_begin", "category_list_end", "category_list_right_child",
)  # fmt: skip
# treelite's numbers for kinds of nodes and of comparisons.
_LEAF, _CATEGORICAL = 0, 2
_BELOW, _AT_MOST = 2, 3


def margin_model(model: treelite.Model) -> treelite.Model:
    """The model without what follows the margin, and with its base score as its first tree. There the packages add it;
    treelite adds it last, which rounds otherwise. Raises ExportFailed where the margin is not one, or no log-odds."""
    header: Any = model.get_header_accessor()
    outputs = header.get_field("num_class").tolist()
    if outputs != [1]:
        raise ExportFailed(
            f"the model has {max(sum(outputs), len(outputs))} outputs, a bundle's model has one: log-odds"
        )
    after, slope = header.get_field("postprocessor"), float(header.get_field("sigmoid_alpha")[0])
    if after not in {"identity", "sigmoid"} or slope != 1:
        raise ExportFailed(
            f"the model's margins are no log-odds: {after!r} with slope {slope:g} makes its answers of them; train for "
            "a logistic loss, or for log-odds themselves"
        )
    start = float(header.get_field("base_scores")[0])
    if start == 0 and model.input_type == "float64":
        return model
    return treelite.Model.concatenate([_constant(model, start), model])


def _constant(model: treelite.Model, margin: float) -> treelite.Model:
    builder: Any = ModelBuilder(
        threshold_type=model.input_type,
        leaf_output_type=model.output_type,
        metadata=Metadata(model.num_feature, "kRegressor", False, 1, [1], (1, 1)),  # noqa: FBT003 - treelite's
        tree_annotation=TreeAnnotation(1, [0], [0]),
        postprocessor=PostProcessorFunc("identity"),
        base_scores=[0.0],
    )
    builder.start_tree()
    builder.start_node(0)
    builder.leaf(margin)
    builder.end_node()
    builder.end_tree()
    return cast("treelite.Model", builder.commit())


def is_mean(model: treelite.Model) -> bool:
    """Whether the margin is the mean of the trees, rather than their sum."""
    return bool(model.get_header_accessor().get_field("average_tree_output")[0])


def require_small(number: int, leaves: int) -> None:
    """Raises NoForest where the tree of that number has too many leaves."""
    if leaves > MAX_LEAVES:
        raise NoForest(f"tree {number} has {leaves} leaves, of which it can have {MAX_LEAVES}")


def forest_of(model: treelite.Model) -> Forest:
    """The same trees in the same order, of a `margin_model`. Raises NoForest where the engine cannot evaluate it."""
    single = model.input_type == "float32"
    forest = Forest(feature_count=model.num_feature, mean=is_mean(model), single_precision=single)
    for number in range(model.num_tree):
        accessor = model.get_tree_accessor(number)
        fields = {name: accessor.get_field(name).tolist() for name in _FIELDS}
        require_small(number, fields["node_type"].count(_LEAF))
        _grow(forest.trees.add(), fields, 0)
    return forest


def _grow(tree: Tree, fields: dict[str, list[Any]], number: int) -> int:
    """Adds a node and what grows from it, parents first; returns the node's place."""
    place = len(tree.nodes)
    node = tree.nodes.add()
    if fields["node_type"][number] == _LEAF:
        node.leaf = fields["leaf_value"][number]
        return place
    left, right = fields["cleft"][number], fields["cright"][number]
    if fields["category_list_right_child"][number]:
        # A forest's categories go to the left.
        left, right = right, left
    split = _split(fields, number)
    split.left = _grow(tree, fields, left)
    split.right = _grow(tree, fields, right)
    node.split.CopyFrom(split)
    return place


def _split(fields: dict[str, list[Any]], number: int) -> Split:
    split = Split(feature=fields["split_index"][number])
    swapped = bool(fields["category_list_right_child"][number])
    split.missing_left = bool(fields["default_left"][number]) != swapped
    threshold, comparison = fields["threshold"][number], fields["cmp"][number]
    if fields["node_type"][number] == _CATEGORICAL:
        begin, end = fields["category_list_begin"][number], fields["category_list_end"][number]
        split.categories.values.extend(fields["category_list"][begin:end])
        split.categories.nonnegative = True
    elif comparison == _BELOW and threshold > -math.inf:
        split.below = threshold
    elif comparison == _AT_MOST:
        split.at_most = threshold
    else:
        raise NoForest(f"a test that is none of a forest: comparison {comparison} to {threshold}")
    return split
