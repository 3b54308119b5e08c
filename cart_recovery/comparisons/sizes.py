"""How much of everything comparisons and trials take."""

from dataclasses import dataclass, replace

from loadtests.benchmarks import fronts, spool_share
from loadtests.benchmarks.model_server import Calls
from loadtests.benchmarks.online_store import Retrievals
from loadtests.capacity import Plan
from training.learners.settings import LearnerSettings

_PLANS = (Plan("grpcio", 100.0), Plan("native", 5.0))
"""Python's threads are not to be promised within milliseconds; the native front is."""


@dataclass(frozen=True)
class Sizes:
    """Figures for a page come of `full()`."""

    rounds: int
    learner: LearnerSettings
    carts: int
    """That the model learns from."""
    contexts: int
    calls: Calls
    retrievals: Retrievals
    journal_carts: int
    """In the journal that is replayed."""
    customers: int
    """Whose memory is counted."""
    fronts: fronts.Benchmark
    spool: spool_share.Benchmark
    events: int
    """In the journal that is caught up with."""
    folded_events: int
    """On one core."""
    snapshot_customers: int
    plans: tuple[Plan, ...]
    """Of looking for the capacity of every front."""
    runs: int
    """Of each front's capacity."""
    kills: int
    """Of each test."""
    executions: int
    """Of each fuzz target."""
    identity_customers: int
    soak_events: int
    profile: str
    """Of Cargo, for programs of the engine alone: with any but "release", the figures are of no use."""

    @classmethod
    def full(cls) -> "Sizes":
        """As many trees as a bundle for production has, and every leaf they may have, however little it is worth."""
        learner = replace(LearnerSettings.full(), depth=-1, smallest_leaf_share=0.0)
        return cls(
            rounds=5,
            learner=learner,
            carts=6_000,
            contexts=500,
            calls=Calls(),
            retrievals=Retrievals(),
            journal_carts=40_000,
            customers=200_000,
            fronts=fronts.Benchmark(),
            spool=spool_share.Benchmark(),
            events=300_000,
            folded_events=1_000_000,
            snapshot_customers=10_000_000,
            plans=_PLANS,
            runs=2,
            kills=350,
            executions=1_700_000,
            identity_customers=1_000_000,
            soak_events=50_000_000,
            profile="release",
        )

    @classmethod
    def quick(cls) -> "Sizes":
        """Just enough to see that everything runs."""
        return cls(
            rounds=1,
            learner=replace(LearnerSettings.starter(), trees=10),
            carts=700,
            contexts=10,
            calls=Calls(rounds=1, in_flight=800, alone=10),
            retrievals=Retrievals(rounds=1, calls=10, customers=100),
            journal_carts=200,
            customers=2_000,
            fronts=fronts.Benchmark(8, 10, 7, customers=200, rounds=1, calls=50, warm_up=20, profile="dev"),
            spool=spool_share.Benchmark(8, 10, 7, customers=100, rounds=1, calls=20, profile="dev"),
            # So many that the engine reads ahead.
            events=12_000,
            folded_events=20_000,
            snapshot_customers=2_000,
            plans=tuple(plan.quick() for plan in _PLANS),
            runs=1,
            kills=1,
            executions=1_000,
            identity_customers=2_000,
            soak_events=40_000,
            profile="dev",
        )
