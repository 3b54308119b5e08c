"""Shops and bundles that benchmarks measure with."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cart_recovery.bundle_training import train_bundle
from cart_recovery.composition import active_policy, ensure_bundle
from cart_recovery.keys import ensure_keys
from cart_recovery.releases import point_to
from cart_recovery.settings import Settings
from cart_recovery.v1.event_pb2 import TrackRequest
from loadtests.benchmarks.traffic import MakeBundle
from pyserver.process import engine_keys
from rust_features import Engine, Offline
from training.learners.settings import LearnerSettings
from training.simulator.settings import ShopSettings
from training.simulator.shop import Shop

_SEED = 7
_START_MICROS = 1_748_822_400_000_000
"""2025-06-02, a midnight UTC."""
_EVENTS_PER_SHOPPER = 10
"""Fewer than a simulated shopper leaves behind, so that a shop has enough of them."""
_CARTS = 6_000
"""Enough for trees of the asked size; how good the models are does not matter for a benchmark."""


def bundle_maker(settings: Settings, progress: Callable[[str], None]) -> MakeBundle:
    """Trains on a simulated shop."""

    def make_bundle(directory: Path, policy: Path, trees: int, leaves: int) -> None:
        own = settings.model_copy(update={"data_directory": directory, "policy_path": policy})
        ensure_keys(own.keys_directory)
        learner = replace(LearnerSettings.full(), trees=trees, leaves=leaves)
        # Measured for its speed, whatever its gate says of its worth.
        point_to(own.bundles_directory, train_bundle(own, carts=_CARTS, learner=learner, progress=progress).bundle_id)

    return make_bundle


class SimulatedShop:
    """A shop's events of any mix, and engines that decide about them with the active bundle."""

    def __init__(self, settings: Settings, *, events: int, keep_journal: bool = False) -> None:
        """With so many events; a bundle is made active where none is."""
        ensure_keys(settings.keys_directory)
        self._bundle = settings.bundles_directory / ensure_bundle(settings)
        self._currency = active_policy(settings).company.currency_code
        self._keys = engine_keys(settings)
        self._shoppers = events // _EVENTS_PER_SHOPPER + 1
        self._keep_journal = keep_journal

    def events(self, browsing_share: float) -> Iterator[TrackRequest]:
        """At least as many events as were asked for, of which this share of visits fills no cart."""
        mix = ShopSettings(browsing_share=browsing_share, currency_code=self._currency)
        shop = Shop(_SEED, self._shoppers, _START_MICROS, mix)
        while (time := shop.next_time()) is not None:
            yield from shop.take(time)

    def make_engine(self) -> Offline:
        """An engine before the first event."""
        return Offline(
            keys=self._keys,
            bundle_directory=str(self._bundle),
            run_seed=bytes(32),
            keep_journal=self._keep_journal,
        )

    def make_writer(self, directory: Path) -> Engine:
        """An engine that writes events and decisions to a journal."""
        engine = Engine(data_directory=str(directory), keys=self._keys, clock="events", alias_seed=bytes(32))
        engine.load_bundle(str(self._bundle))
        return engine
