"""Whether memory stays bounded over a year of a shop whose customers stay as many."""

from collections.abc import Callable

from loadtests.benchmarks.comparison import Comparison, Figure, Goal, without_peers
from loadtests.benchmarks.example import Example

SIDE, GROWTH = "fold", "growth after the warm-up, of the memory"
_GOAL_PERCENT = 1.0
_FIGURES = (
    (GROWTH, "%", "growth_percent", 1),
    ("growth each million events, after the warm-up", "B", "growth_bytes_per_million_events", 1),
    ("memory after the warm-up", "MiB", "warm_resident_bytes", 1 << 20),
    ("that is, per customer", "B", "warm_bytes_per_customer", 1),
    ("customers", "", "customers", 1),
    ("carts held at the end", "", "carts", 1),
    ("sessions held at the end", "", "sessions", 1),
    ("events", "", "events", 1),
    ("days", "", "days", 1),
)


def measure(events: int, *, profile: str, progress: Callable[[str], None]) -> Comparison:
    """Folds them once. Raises NotServing or Unmeasured."""
    progress(f"{events:,} events are folded")
    found = Example("soak", profile).figures(events)
    return without_peers(
        name="soak",
        title="A year in accelerated time",
        setting=(
            "Customers stay as many, each with three keys and some 2,000 events a year; a visit is a session that "
            "begins without a key; carts are filled, left, decided about, ordered and forgotten, and every retention "
            "passes many times. Memory is that of the process, with all that is remembered of carts, sessions, "
            "decisions and event ids. Growth is that of the last three eighths, by the slope of least squares through "
            "the readings of resident memory: before, lists of records still fill up to their bounds."
        ),
        figures=[Figure(SIDE, name, unit, (float(found[key]) / parts,)) for name, unit, key, parts in _FIGURES],
        goals=(Goal(GROWTH, SIDE, "", _GOAL_PERCENT),),
    )
