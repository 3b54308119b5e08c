"""One stepped run from an empty directory to its figures; demo and rehearsal both are one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from audit.journal import read_journal
from audit.kpis import Figures, Latency, compute_figures
from cart_recovery.composition import abandonment_micros, active_policy
from cart_recovery.rehearsal.live import LiveSystem
from cart_recovery.rehearsal.stepper import Stepper, Steps
from cart_recovery.rehearsal.story import Story
from cart_recovery.rehearsal.world import World
from cart_recovery.settings import Settings
from cart_recovery.terminal import Progress


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    steps: Steps
    figures: Figures
    seconds: float
    emails: int
    refusals: list[str]
    """Words of the first refused events."""
    example: str
    """Id of a decision worth looking at; empty where nothing was decided."""


def run_stepped(
    settings: Settings,
    system: LiveSystem,
    world: World,
    story: Story,
    *,
    progress: Progress,
    latency: Callable[[], Latency | None] = lambda: None,
    at_rest: Callable[[], None] = lambda: None,
) -> Outcome:
    """Runs `world` to its end on the started `system`, tells the story as it goes, and reads the figures.

    `at_rest` is called after every step.
    """
    policy = active_policy(settings)
    began = time.monotonic()

    def tell(steps: Steps) -> None:
        for message in system.observer.take():
            story.journalled(message)
        at_rest()
        day = time.strftime("%a %d %b %H:%M", time.gmtime(steps.now_micros / 1e6))
        counts = story.counts
        progress.show(f"{day}, {steps.events:,} events, {counts['decided']:,} decisions, {counts['sent']:,} e-mails")

    steps = Stepper(world, system, abandonment_micros=abandonment_micros(policy), progress=tell).run()
    progress.close()
    figures = compute_figures(read_journal(system.nats_url), policy, latency=latency())
    seconds = time.monotonic() - began
    return Outcome(steps, figures, seconds, story.counts["sent"], system.refusals, story.example)
