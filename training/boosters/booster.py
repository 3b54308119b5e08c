"""A fitted model of any package that a bundle can be made of, asked the same questions.

Each module beside this one that is named after a package answers for its boosters; it is loaded with the first of them.
"""

from importlib import import_module
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import treelite
from numpy.typing import NDArray

from cart_recovery.v1.forest_pb2 import Forest
from training.boosters.errors import ExportFailed

Booster: TypeAlias = Any
"""A fitted tree model whose one output is log-odds: `lightgbm.Booster`, `xgboost.Booster`, a scikit-learn estimator, or
what the first two have in its manner."""

PACKAGES = ("lightgbm", "sklearn", "xgboost")


class _Package(Protocol):
    def raw_margins(self, booster: Booster, rows: NDArray[np.float32]) -> NDArray[np.float64]: ...

    def as_treelite(self, booster: Booster) -> treelite.Model: ...

    def compilable(self, booster: Booster) -> treelite.Model: ...

    def forest_of(self, booster: Booster) -> Forest: ...


def raw_margins(booster: Booster, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The booster's own margins of rows (n, features), without any init score; NaN is missing. Raises ExportFailed."""
    return _package(booster).raw_margins(booster, rows)


def as_treelite(booster: Booster) -> treelite.Model:
    """The same trees as treelite has them. Raises ExportFailed."""
    return _package(booster).as_treelite(booster)


def compilable(booster: Booster) -> treelite.Model:
    """What the compiler reads. Raises ExportFailed where its code would not give the booster's own margins."""
    return _package(booster).compilable(booster)


def forest_of(booster: Booster) -> Forest:
    """The same trees in the same order as data. Raises NoForest where the engine would not evaluate them, ExportFailed
    where nothing else would either."""
    return _package(booster).forest_of(booster)


def gains(booster: Booster) -> NDArray[np.float64]:
    """By feature, what all splits by it have gained, in the booster's own measure. Raises ExportFailed."""
    model = as_treelite(booster)
    gained = np.zeros(model.num_feature)
    for number in range(model.num_tree):
        tree = model.get_tree_accessor(number)
        features, gain = tree.get_field("split_index"), tree.get_field("gain")
        if len(gain):
            np.add.at(gained, features[features >= 0], gain[features >= 0])
    return gained


def _package(booster: Booster) -> _Package:
    packages = (one.__module__.partition(".")[0] for one in type(booster).__mro__)
    name = next((package for package in packages if package in PACKAGES), None)
    if name is None:
        raise ExportFailed(
            f"a {type(booster).__name__} of {type(booster).__module__} is no model for a bundle; "
            "train one with LightGBM, XGBoost or scikit-learn"
        )
    return cast("_Package", import_module(f"training.boosters.{name}"))
