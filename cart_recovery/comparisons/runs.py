"""Every comparison by the name of its subcommand."""

import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from cart_recovery.comparisons.shops import SimulatedShop, bundle_maker
from cart_recovery.comparisons.sizes import Sizes
from cart_recovery.comparisons.subjects import ACTIONS, learnt, simulated_journal
from cart_recovery.nats_server import NatsServer
from cart_recovery.settings import Settings
from loadtests.benchmarks import (
    catch_up,
    feature_replay,
    fold_rate,
    fronts,
    model_server,
    online_store,
    restart,
    spool_share,
    state_size,
    trees,
)
from loadtests.benchmarks.backtest_rate import MIXES
from loadtests.benchmarks.comparison import Comparison

Progress = Callable[[str], None]
Run = Callable[[Settings, Sizes, Progress], Comparison]


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
    return state_size.measure(sizes.customers, rounds=sizes.rounds, profile=sizes.profile, progress=progress)


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


def _fold(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return fold_rate.measure(sizes.folded_events, rounds=sizes.rounds, profile=sizes.profile, progress=progress)


def _restart(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return restart.measure(sizes.snapshot_customers, rounds=sizes.rounds, profile=sizes.profile, progress=progress)


COMPARISONS: dict[str, Run] = {
    "trees": _trees,
    "mlserver": _mlserver,
    "feast": _feast,
    "replay": _replay,
    "state-size": _state_size,
    "fronts": _fronts,
    "spool": _spool,
    "fold": _fold,
    "catch-up": _catch_up,
    "restart": _restart,
}
"""In the order of the page."""
