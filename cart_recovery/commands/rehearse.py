"""Runs the whole live system on an event file and on the file's own clock. Every message lands in a local inbox and
nowhere else, so that a shop sees what it would have sent before it connects anything.

Examples:
  cart-recovery rehearse events.jsonl --assume-consent
  cart-recovery rehearse shop.csv.gz --map rees46 --assume-addresses --assume-consent

"""

import argparse
import time

from cart_recovery.exits import EXIT_DONE, EXIT_PARTIAL, CommandError
from cart_recovery.options import add_event_file_options, add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import Progress, note, print_json, program

_REFUSALS_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_event_file_options(parser, assumptions=True)
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from audit.kpi_text import render_figures
    from cart_recovery.composition import borrow_release, ensure_bundle, fresh_directory
    from cart_recovery.event_files import Rejects, event_file_of, in_order
    from cart_recovery.keys import ensure_keys
    from cart_recovery.rehearsal.live import LiveSystem, rehearsal_settings
    from cart_recovery.rehearsal.run import run_stepped
    from cart_recovery.rehearsal.seed import run_seed
    from cart_recovery.rehearsal.story import Story
    from cart_recovery.rehearsal.world import FileWorld
    from pyserver.logs import configure_logs

    configure_logs("error", process="rehearsal")
    live = settings_of(options)
    file = event_file_of(options)
    ensure_keys(live.keys_directory)
    ensure_bundle(live)
    import_id = file.import_id()
    settings = rehearsal_settings(live, fresh_directory(live.data_directory / "rehearsal"))
    seed = run_seed(import_id)
    borrow_release(live, settings, run_seed=seed)
    rejects_path = options.rejects or settings.data_directory / "rejects.csv"
    note(f"REHEARSAL of {options.file.name}: nothing leaves this machine")
    began = time.monotonic()
    with Rejects(rejects_path) as rejects:
        requests = in_order(rejects.accepted(file.requests()))
        world = FileWorld(request for _, request in requests)
        start = world.next_event()
        if start is None:
            raise CommandError(f"{options.file} holds no event that could be read; see {rejects_path}")
        progress = Progress("REHEARSAL")

        def say(words: str) -> None:
            progress.close()
            note(f"REHEARSAL{words}")

        story = Story(say, name_of=lambda token: f"cart {token[:8]}")
        with LiveSystem(settings, run_seed=seed, start_micros=start) as system:
            outcome = run_stepped(settings, system, world, story, progress=progress)
    figures = outcome.figures.as_json()
    if options.json:
        print_json(
            {
                "rehearsal": True,
                "file": str(options.file),
                "events": outcome.steps.events,
                "refused": outcome.steps.refused,
                "rejected": rejects.count,
                "rejects_file": str(rejects_path) if rejects.count else None,
                "inactivity_decisions": story.counts["abandoned"],
                "contacted_decisions": story.counts["contact"],
                "emails": outcome.emails,
                "skipped": story.counts["skipped"],
                "seconds": round(time.monotonic() - began, 3),
                "inbox": str(settings.inbox_directory),
                "figures": figures,
            }
        )
    else:
        print(f"REHEARSAL of {options.file.name}\n")
        print(render_figures(outcome.figures))
        print(f"\nREHEARSAL: {outcome.emails:,} e-mails in {settings.inbox_directory}; none left this machine.")
        if outcome.emails:
            print(f"open one: {program()} inbox 1 --data {settings.data_directory}")
    if rejects.count:
        note(f"REHEARSAL: {rejects.count:,} rejected rows: {rejects_path}")
    if outcome.steps.refused:
        note(f"REHEARSAL: the engine refused {outcome.steps.refused:,} events:")
    for refusal in outcome.refusals[:_REFUSALS_SHOWN]:
        note(f"REHEARSAL: refused event: {refusal}")
    return EXIT_PARTIAL if rejects.count or outcome.steps.refused else EXIT_DONE
