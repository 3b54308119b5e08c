"""Every comparison by the name of its subcommand."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from cart_recovery.comparisons.shops import SimulatedShop, bundle_maker
from cart_recovery.comparisons.subjects import ACTIONS, learnt, simulated_journal
from cart_recovery.nats_server import NatsServer
from cart_recovery.settings import Settings
from loadtests.benchmarks import (
    catch_up,
    feature_replay,
    fronts,
    model_server,
    online_store,
    spool_share,
    state_size,
    trees,
)
from loadtests.benchmarks.backtest_rate import MIXES
from loadtests.benchmarks.comparison import Comparison
from loadtests.benchmarks.model_server import Calls
from loadtests.benchmarks.online_store import Retrievals
from training.learners.settings import LearnerSettings

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """How much of everything; figures for a page come of `full()`."""

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
            customers=200,
            fronts=fronts.Benchmark(8, 10, 7, customers=200, rounds=1, calls=50, warm_up=20, profile="dev"),
            spool=spool_share.Benchmark(8, 10, 7, rounds=1, calls=20, profile="dev"),
            # So many that the engine reads ahead.
            events=12_000,
        )


def _trees(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    with learnt(settings, carts=sizes.carts, learner=sizes.learner, progress=progress) as subject:
        return trees.measure(subject.tree_model(sizes.contexts), rounds=sizes.rounds, progress=progress)


def _mlserver(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    with learnt(settings, carts=sizes.carts, learner=sizes.learner, progress=progress) as subject:
        model, directory = subject.tree_model(sizes.contexts), subject.settings.data_directory
        return model_server.measure(model, directory, calls=sizes.calls, progress=progress)


def _feast(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    with learnt(settings, carts=sizes.carts, learner=sizes.learner, progress=progress) as subject:
        directory = subject.settings.data_directory
        return online_store.measure(directory, ACTIONS, retrievals=sizes.retrievals, progress=progress)


def _replay(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    journal, window_seconds = simulated_journal(settings, sizes.journal_carts, progress)
    return feature_replay.measure(journal, window_seconds, rounds=sizes.rounds, progress=progress)


def _state_size(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return state_size.measure(sizes.customers, rounds=sizes.rounds, progress=progress)


def _fronts(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return fronts.measure(sizes.fronts, make_bundle=bundle_maker(settings, progress), progress=progress)


def _spool(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    maker = bundle_maker(settings, progress)
    with tempfile.TemporaryDirectory() as temporary:
        nats = NatsServer(Path(temporary) / "nats")
        try:
            return spool_share.measure(sizes.spool, Path(temporary), nats, make_bundle=maker, progress=progress)
        finally:
            nats.stop()


def _catch_up(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    shop = SimulatedShop(settings, events=sizes.events)
    with tempfile.TemporaryDirectory() as temporary, NatsServer(Path(temporary) / "nats") as nats:
        return catch_up.measure(
            catch_up.Server(nats.url, nats.process_id),
            events=islice(shop.events(MIXES[0]), sizes.events),
            writer=shop.make_writer(Path(temporary) / "writer"),
            progress=progress,
        )


COMPARISONS: dict[str, Callable[[Settings, Sizes, Progress], Comparison]] = {
    "trees": _trees,
    "mlserver": _mlserver,
    "feast": _feast,
    "replay": _replay,
    "state-size": _state_size,
    "fronts": _fronts,
    "spool": _spool,
    "catch-up": _catch_up,
}
"""In the order of the page."""
