"""Models learned by a function of the user's own, in place of LightGBM's two."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, cast

from training.boosters.booster import Booster
from training.learners.models import Examples

OwnFit: TypeAlias = Callable[[Examples, list[str], list[str]], tuple[Booster, Booster]]
"""Makes of examples, and the names of context and action features, baseline and effect, which add up to log-odds."""


class FitRefused(Exception):
    """The file has no function that learns models."""


def read_fit(path: Path) -> OwnFit:
    """The function `fit` of a Python file, which is run. Raises FitRefused."""
    try:
        fit = runpy.run_path(str(path)).get("fit")
    except OSError as error:
        raise FitRefused(f"{path}: {error.strerror}; name a Python file") from error
    if not callable(fit):
        raise FitRefused(f"{path} defines no function `fit(examples, context_names, action_names)`")
    return cast("OwnFit", fit)
