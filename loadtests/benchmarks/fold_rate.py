"""How many events a second one core folds, and how fast it reads the features of one customer."""

from collections.abc import Callable

from loadtests.benchmarks.comparison import Comparison, Figure, Goal, without_peers
from loadtests.benchmarks.example import Example

SIDE, FOLDED = "fold", "events folded a second"
_GOAL = 1_000_000
_REASON = (
    "An event finds record, cart and the rest elsewhere in memory: look-ups take a sixth, allocation and copying a "
    "tenth, and no other function more than a twelfth (perf)."
)
_FIGURES = (
    (FOLDED, "/s", "folded_per_second"),
    ("messages decoded a second", "/s", "decoded_per_second"),
    ("features of one customer", "ns", "features_nanoseconds"),
)


def measure(events: int, *, rounds: int, profile: str, progress: Callable[[str], None]) -> Comparison:
    """Folds anew in every round. Raises NotServing or Unmeasured."""
    example = Example("fold_rate", profile)
    found = []
    for number in range(1, rounds + 1):
        found.append(example.figures(events))
        progress(f"round {number} of {rounds}: {found[-1]}")
    return without_peers(
        name="fold",
        title="Folding on one core",
        setting=(
            f"{events:,} events of 100,000 customers: of sixteen, twelve are views, three additions and one an order; "
            "each names the customer by two keys. One thread, processor time. Decoding the message and reading all "
            "features of a context are measured apart."
        ),
        figures=[Figure(SIDE, name, unit, tuple(float(each[key]) for each in found)) for name, unit, key in _FIGURES],
        goals=(Goal(FOLDED, SIDE, "", _GOAL, at_least=True, reason=_REASON),),
    )
