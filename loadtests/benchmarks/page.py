"""The pages about all comparisons and all trials, from their JSON results."""

import json
from collections.abc import Iterable
from pathlib import Path

from loadtests.benchmarks.comparison import Comparison, render

COMPARISONS_HEAD = """\
# Comparisons

Written by `cart-recovery loadtest compare`, which runs every comparison and keeps its JSON. All sides of a comparison
are warmed up and measured in turns, in rounds; a ratio is that of one round, and a spread goes from the lowest round to
the highest. Peers run in environments and processes of their own; their versions are locked beside the scripts in
`loadtests/benchmarks/peers`. What a side is spared, and what it has to do besides, is said with each comparison; so is
every goal that is missed, with where the time goes and what was tried.
"""

TRIALS_HEAD = """\
# Trials

Written by `cart-recovery loadtest try`, which runs every trial and keeps its JSON: what has to hold beyond speed, tried
at length. A trial that ran once has one round; one that was not run has no section. Speed, alone and beside others,
stands in [comparisons](comparisons.md).
"""


def write_result(folder: Path, comparison: Comparison) -> None:
    """Keeps a result as `<folder>/<name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{comparison.name}.json").write_text(json.dumps(comparison.as_json(), indent=2) + "\n")


def read_results(folder: Path, names: Iterable[str]) -> list[Comparison]:
    """The results kept there under these names, in their order; those that are not there are left out."""
    paths = (folder / f"{name}.json" for name in names)
    return [Comparison.from_json(json.loads(path.read_text())) for path in paths if path.exists()]


def page(head: str, comparisons: list[Comparison]) -> str:
    """The page in Markdown, under one of the heads above."""
    return "\n".join([head, "\n\n".join(map(render, comparisons)), ""])
