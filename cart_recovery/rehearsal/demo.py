"""The demo run: a simulated shop as the world, and checkouts that ask for a decision while the shopper is there."""

from collections.abc import Callable

from audit.kpis import Latency
from cart_recovery.rehearsal.live import LiveSystem
from cart_recovery.rehearsal.run import Outcome, run_stepped
from cart_recovery.rehearsal.shoppers import ShopperWorld
from cart_recovery.rehearsal.story import Story
from cart_recovery.settings import Settings
from cart_recovery.terminal import Progress
from cart_recovery.v1.event_pb2 import Event
from pyserver.process import engine_keys
from training.simulator.shop import Shop


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

    def latency() -> Latency | None:
        p50, p99 = (system.score_quantile_micros(share) for share in (0.5, 0.99))
        return None if p50 is None or p99 is None else Latency(p50_micros=p50, p99_micros=p99)

    def at_rest() -> None:
        while checkouts:
            system.ask_at_checkout(checkouts.pop())

    with system:
        return run_stepped(settings, system, world, story, progress=progress, latency=latency, at_rest=at_rest)
