"""The demo run: a simulated shop as the world, and checkouts that ask for a decision while the shopper is there."""

import time
from collections.abc import Callable

from audit.kpis import Latency
from cart_recovery.rehearsal.live import LiveSystem
from cart_recovery.rehearsal.run import Outcome, run_stepped
from cart_recovery.rehearsal.shoppers import ShopperWorld
from cart_recovery.rehearsal.story import Story
from cart_recovery.settings import Settings
from cart_recovery.terminal import Progress
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.scoring_pb2 import ScoreRequest, Trigger
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from pyserver.process import engine_keys
from rust_features import LatencyHistogram
from training.simulator.shop import Shop


class Checkout:
    """Asks for a decision while the shopper is still there, and measures how long it waits for the answer."""

    def __init__(self, scoring: ScoringServiceStub) -> None:
        self._scoring = scoring
        self._waits = LatencyHistogram()

    def ask(self, event: Event) -> None:
        """Asks about the cart of a checkout, as a dry run: a recorded decision would change the shop's story."""
        request = ScoreRequest(
            storefront_id=event.storefront_id,
            identity=event.identity,
            cart_id=event.checkout_started.cart_id,
            trigger=Trigger.TRIGGER_CHECKOUT_CALL,
            dry_run=True,
            candidate_count=4,
        )
        began = time.perf_counter_ns()
        self._scoring.Score(request)
        self._waits.record(time.perf_counter_ns() - began)

    def latency(self) -> Latency | None:
        """How long Score took from here, call and answer included; None before the first call."""
        p50, p99 = (self._waits.quantile_seconds(share) for share in (0.5, 0.99))
        return None if p50 is None or p99 is None else Latency(p50_micros=p50 * 1e6, p99_micros=p99 * 1e6)


def run_demo(
    settings: Settings,
    shop: Shop,
    *,
    run_seed: bytes,
    start_micros: int,
    say: Callable[[str], None],
    progress: Progress,
) -> Outcome:
    """Runs the shop to its end, telling the story line by line to `say`."""
    system = LiveSystem(settings, run_seed=run_seed, start_micros=start_micros)
    checkouts: list[Event] = []

    def heard(event: Event) -> None:
        if event.HasField("checkout_started"):
            checkouts.append(event)

    world = ShopperWorld(
        shop, engine_keys(settings), decisions=system.observer.decisions, open_link=system.open_link, heard=heard
    )
    story = Story(say, name_of=world.name_of)

    with system:
        checkout = Checkout(system.scoring)

        def at_rest() -> None:
            while checkouts:
                checkout.ask(checkouts.pop())

        return run_stepped(settings, system, world, story, progress=progress, latency=checkout.latency, at_rest=at_rest)
