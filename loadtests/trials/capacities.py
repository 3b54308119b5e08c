"""The capacity of every front, found more than once: how far the knees lie apart, and what five times as much does."""

import math
from collections.abc import Callable, Mapping, Sequence

from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured, without_peers
from loadtests.capacity import GRID_PERCENT, IN_TIME_SHARE, TRIES, Capacity, Plan, Step
from loadtests.shoppers import CANDIDATES

KNEE, APART, SPREAD = "calls a second kept up", "distance of the knees", "p99 over p50 at half of it"
OVERLOAD_P99 = "overload: p99 of the answered"
FAILED, RECOVERY = "overload: failed or not made", "overload: recovery"
HALF_GROWN, GROWN = "memory of an answered call at half of it", "overload: memory of an answered call"
MORE = "overload: that is, over half of the rate"
BUSY = "processors kept busy at that rate"
_MOST_APART_PERCENT, _MOST_FAILED_PERCENT = 10.0, 1.0
_MOST_GROWN = 1.5
_MOST_RECOVERY_SECONDS, _MOST_SPREAD = 1.0, 4.0
_APART_REASON = (
    "A machine that others share is faster in one run than in the next, and CPU per call tells by how much; how far "
    "the processors kept busy differ is what the scorer has to do with it."
)
_SPREAD_REASON = (
    "Calls come at random moments: a server that is busy half of the time has a p99 of 6.6 times its p50 by queueing "
    "alone where its times of service vary like random ones (M/M/1), and a Score takes several times as long as a "
    "Track; relay and feed share the processor."
)
_MIB = 1 << 20


def measure(plans: Sequence[Plan], measure_capacity: Callable[[Plan], Capacity], *, runs: int) -> Comparison:
    """The plan of every front so many times, in turns. Raises NotServing or Unmeasured."""
    found: dict[str, list[Capacity]] = {plan.front: [] for plan in plans}
    for _ in range(runs):
        for plan in plans:
            found[plan.front].append(measure_capacity(plan))
    return comparison(found)


def comparison(found: Mapping[str, Sequence[Capacity]]) -> Comparison:
    """From the runs of each front. Raises Unmeasured where a front kept up no rate at all in any of them."""
    plans = [runs[0].plan for runs in found.values()]
    words = next(iter(found.values()))[0].placement.words.capitalize()
    plan = plans[0]
    objectives = " and ".join(f"{plan.slo_p99_ms:g} ms ({plan.front})" for plan in plans)
    figures = [figure for front, runs in found.items() for figure in _figures(front, runs)]
    return without_peers(
        name="capacities",
        title="Capacity of both fronts, and overload",
        setting=(
            f"Open-loop load, nine Track to one Score among {CANDIDATES} actions, {plan.customers:,} customers. Kept "
            f"up is the highest rate, the knee, of which {IN_TIME_SHARE:.0%} of each kind are answered within "
            f"{objectives} for {plan.sustained_seconds:.0f} s with a flat spool, which never holds more than a batch "
            f"and the calls of a quarter of a second more, at one of {TRIES} tries; it is sought in steps of "
            f"{GRID_PERCENT:.1f} %, anew in every run. The rate one such step further tells what gives out. Then half "
            f"of it is offered, in rounds, and {plan.overload:g} times as much. The state remembers what it answers: "
            "an overload is borne where an answered call takes no more memory than at half of the rate, once all is "
            "folded. Recovery is the time from the last call of the overload until half of the rate is within the "
            f"objective again. The slower kind of call counts. {words}; CPU is the scorer's alone. Before the load, a "
            "loop on the scorer's processor shows how much of the time a virtual machine waits for its host."
        ),
        figures=figures,
        goals=[goal for plan in plans for goal in _goals(plan)],
    )


def _goals(plan: Plan) -> list[Goal]:
    bounds = (
        (APART, _MOST_APART_PERCENT, _APART_REASON),
        (OVERLOAD_P99, plan.slo_p99_ms, ""),
        (FAILED, _MOST_FAILED_PERCENT, ""),
        (MORE, _MOST_GROWN, ""),
        (RECOVERY, _MOST_RECOVERY_SECONDS, ""),
        (SPREAD, _MOST_SPREAD, _SPREAD_REASON),
    )
    return [Goal(figure, plan.front, "", bound, reason=reason) for figure, bound, reason in bounds]


def _figures(front: str, runs: Sequence[Capacity]) -> list[Figure]:
    sustained = [run.sustained for run in runs if run.sustained]
    busy = [run.cores for run in runs if run.cores is not None]
    half = [step for run in runs for step in run.half]
    if not sustained:
        raise Unmeasured(f"{front} did not keep up even the first rate")
    grown = [run.half_bytes_per_call for run in runs if run.half_bytes_per_call is not None]
    knees = [run.sustained.offered if run.sustained else 0.0 for run in runs]
    apart = max(knees) / min(knees) - 1 if min(knees) else math.inf
    figures = [
        Figure(front, KNEE, "/s", tuple(knees)),
        Figure(front, APART, "%", (apart * 100,)),
        Figure(front, "p99 at that rate", "ms", tuple(step.p99_micros / 1_000 for step in sustained)),
        Figure(front, "CPU per call at that rate", "µs", tuple(step.cpu_micros for step in sustained)),
        Figure(front, BUSY, "", tuple(busy)),
        *_beyond(front, [run.beyond for run in runs if run.beyond]),
        Figure(front, SPREAD, "", tuple(step.spread for step in half)),
        Figure(front, "Scores that weighed every candidate", "%", tuple(run.weighed_share * 100 for run in runs)),
        Figure(front, HALF_GROWN, "B", tuple(grown)),
        Figure(front, "the machine kept a loop waiting", "%", tuple(run.placement.stalls.share * 100 for run in runs)),
    ]
    return figures + _overloaded(front, [run for run in runs if run.overload])


def _beyond(front: str, steps: Sequence[Step]) -> list[Figure]:
    if not steps:
        return []
    return [
        Figure(front, "the next rate: offered", "/s", tuple(step.offered for step in steps)),
        Figure(front, "the next rate: answered in time", "%", tuple(step.in_time_share * 100 for step in steps)),
        Figure(front, "the next rate: growth of the spool", "", tuple(step.spool_growth for step in steps)),
    ]


def _overloaded(front: str, runs: Sequence[Capacity]) -> list[Figure]:
    overloads = [run.overload for run in runs if run.overload]
    if not overloads:
        return []
    steps = [overload.step for overload in overloads]
    # For as long as the overload lasted, half of the rate was not within the objective again.
    recovery = [math.inf if one.recovery_seconds is None else one.recovery_seconds for one in overloads]
    failed = [(step.failed + step.dropped) / (step.offered * step.seconds) * 100 for step in steps]
    grown = [overload.bytes_per_call for overload in overloads]
    more = [
        run.overload.bytes_per_call / run.half_bytes_per_call
        for run in runs
        if run.overload and run.half_bytes_per_call
    ]
    return [
        Figure(front, "overload: offered", "/s", tuple(step.offered for step in steps)),
        Figure(front, "overload: answered", "/s", tuple(step.answered for step in steps)),
        Figure(front, OVERLOAD_P99, "ms", tuple(step.p99_micros / 1_000 for step in steps)),
        Figure(front, "overload: refused", "%", tuple(step.refused_share * 100 for step in steps)),
        Figure(front, FAILED, "%", tuple(failed)),
        Figure(front, "overload: memory before", "MiB", tuple(one.resident_bytes_before / _MIB for one in overloads)),
        Figure(front, "overload: memory after", "MiB", tuple(one.resident_bytes_after / _MIB for one in overloads)),
        Figure(front, GROWN, "B", tuple(grown)),
        *([Figure(front, MORE, "", tuple(more))] if more else []),
        Figure(front, RECOVERY, "s", tuple(recovery)),
    ]
