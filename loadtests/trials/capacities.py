"""The capacity of every front, found more than once: how far the knees lie apart, and what five times as much does."""

import math
from collections.abc import Callable, Mapping, Sequence

from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured, without_peers
from loadtests.capacity import IN_TIME_SHARE, Capacity, Overload, Step

KNEE, APART, SPREAD = "calls a second kept up", "distance of the knees", "p99 over p50 at half of it"
_GOAL_SPREAD = 4.0
_MIB = 1 << 20

Measure = Callable[[str], Capacity]
"""Looks for the capacity of the front of that name."""


def measure(fronts: Sequence[str], measure_capacity: Measure, *, runs: int) -> Comparison:
    """Every front so many times, in turns. Raises NotServing or Unmeasured."""
    found: dict[str, list[Capacity]] = {front: [] for front in fronts}
    for _ in range(runs):
        for front, kept in found.items():
            kept.append(measure_capacity(front))
    return comparison(found)


def comparison(found: Mapping[str, Sequence[Capacity]]) -> Comparison:
    """From the runs of each front. Raises Unmeasured where a run kept up no rate at all."""
    plan = next(iter(found.values()))[0].plan
    figures = [figure for front, runs in found.items() for figure in _figures(front, runs)]
    return without_peers(
        name="capacities",
        title="Capacity of both fronts, and overload",
        setting=(
            f"Open-loop load, nine Track to one Score, {plan.customers:,} customers. Kept up is the highest rate of "
            f"which {IN_TIME_SHARE:.0%} of each kind are answered within {plan.slo_p99_ms:g} ms for "
            f"{plan.sustained_seconds:.0f} s with a flat spool; it is sought to within 5 %, anew in every run. Then "
            f"half of it is offered, and {plan.overload:g} times as much. Recovery is the time from the end of the "
            "overload until half of the rate is within the objective again. The slower kind of call counts. Before the "
            "load, a loop on the scorer's processor shows how much of the time a virtual machine waits for its host."
        ),
        figures=figures,
        goals=[Goal(SPREAD, front, "", _GOAL_SPREAD) for front in found],
    )


def _figures(front: str, runs: Sequence[Capacity]) -> list[Figure]:
    sustained = [_of(run.sustained) for run in runs]
    half = [_of(run.half) for run in runs]
    knees = [step.answered for step in sustained]
    figures = [
        Figure(front, KNEE, "/s", tuple(knees)),
        Figure(front, APART, "%", ((max(knees) / min(knees) - 1) * 100,)),
        Figure(front, "p99 at that rate", "ms", tuple(step.p99_micros / 1_000 for step in sustained)),
        Figure(front, "CPU per call at that rate", "µs", tuple(step.cpu_micros for step in sustained)),
        Figure(front, SPREAD, "", tuple(step.spread for step in half)),
        Figure(front, "the machine kept a loop waiting", "%", tuple(run.placement.stalls.share * 100 for run in runs)),
    ]
    overloads = [run.overload for run in runs if run.overload]
    return figures + _overloaded(front, overloads) if overloads else figures


def _overloaded(front: str, overloads: Sequence[Overload]) -> list[Figure]:
    steps = [overload.step for overload in overloads]
    # For as long as the overload lasted, half of the rate was not within the objective again.
    recovery = [math.inf if one.recovery_seconds is None else one.recovery_seconds for one in overloads]
    return [
        Figure(front, "overload: offered", "/s", tuple(step.offered for step in steps)),
        Figure(front, "overload: answered", "/s", tuple(step.answered for step in steps)),
        Figure(front, "overload: p99 of the answered", "ms", tuple(step.p99_micros / 1_000 for step in steps)),
        Figure(front, "overload: memory before", "MiB", tuple(one.resident_bytes_before / _MIB for one in overloads)),
        Figure(front, "overload: memory after", "MiB", tuple(step.resident_bytes / _MIB for step in steps)),
        Figure(front, "overload: recovery", "s", tuple(recovery)),
    ]


def _of(step: Step | None) -> Step:
    if step is None:
        raise Unmeasured("a front did not keep up even the first rate")
    return step
