"""Every trial by the name of its subcommand, and the capacity of one front, which has a command of its own, too."""

import tempfile
from pathlib import Path

from cart_recovery.comparisons.runs import Progress, Run
from cart_recovery.comparisons.shops import bundle_maker
from cart_recovery.comparisons.sizes import Sizes
from cart_recovery.settings import Settings
from loadtests.benchmarks.comparison import Comparison
from loadtests.benchmarks.servers import scorer
from loadtests.benchmarks.traffic import THREADS, make_data, preload
from loadtests.capacity import Capacity, Load, Plan, measure
from loadtests.placement import apart
from loadtests.shoppers import CANDIDATES
from loadtests.trials import capacities, fuzz, identity, kills, soak

_TREES, _LEAVES = 300, 31
"""Of the bundle that a scorer's capacity is measured with."""


def capacity(plan: Plan, settings: Settings, progress: Progress) -> Capacity:
    """Starts a scorer, fills it, and looks for its capacity."""
    maker = bundle_maker(settings, progress)
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        make_data(directory, maker, actions=CANDIDATES, trees=_TREES, leaves=_LEAVES)
        with scorer(directory, THREADS, front=plan.front, objective_ms=plan.slo_p99_ms) as server:
            progress(f"{plan.front}: {plan.customers:,} customers come in")
            preload(server, plan.customers)
            with apart(server.process_id) as placement:
                return measure(plan, Load(server, plan), placement, progress)


def _capacities(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return capacities.measure(sizes.plans, lambda plan: capacity(plan, settings, progress), runs=sizes.runs)


def _kills(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return kills.measure(sizes.kills, progress=progress)


def _fuzz(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return fuzz.measure(sizes.executions, progress=progress)


def _identity(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return identity.measure(sizes.identity_customers, profile=sizes.profile, progress=progress)


def _soak(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return soak.measure(sizes.soak_events, profile=sizes.profile, progress=progress)


TRIALS: dict[str, Run] = {
    "capacities": _capacities,
    "kills": _kills,
    "fuzz": _fuzz,
    "identity": _identity,
    "soak": _soak,
}
"""In the order of the page."""
