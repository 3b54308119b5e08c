"""Puts an event file into the journal. Run again, it sends only what is missing; imported events cause no decision.
A scorer may run over the same data directory meanwhile.

Examples:
  cart-recovery ingest events.jsonl --format segment-jsonl
  cart-recovery ingest shop.csv.gz --format csv --map rees46

"""

import argparse
import time

from cart_recovery.exits import EXIT_DONE, EXIT_PARTIAL, CommandError
from cart_recovery.options import add_event_file_options, add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import Progress, note, print_json

_SHOW_EVERY = 1_000
_FLUSH_SECONDS = 600.0
_CATCH_UP_SECONDS = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_event_file_options(parser, assumptions=False)
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.event_files import Rejects, event_file_of
    from cart_recovery.imports import Import
    from cart_recovery.keys import ensure_keys
    from cart_recovery.nats_server import attached

    settings = settings_of(options)
    file = event_file_of(options)
    ensure_keys(settings.keys_directory)
    progress = Progress(f"ingest {options.file.name}")
    began = time.monotonic()
    name = file.import_id()
    rejects_path = options.rejects or settings.imports_directory / f"{name}.rejects.csv"
    with attached(settings) as nats, Import(settings, name, nats.url) as target, Rejects(rejects_path) as rejects:
        target.wait_caught_up(timeout_seconds=_CATCH_UP_SECONDS)
        for number, (row, request) in enumerate(rejects.accepted(file.requests()), start=1):
            refusal = target.add(row, request)
            if refusal is not None:
                rejects.add(row, "", refusal)
            if number % _SHOW_EVERY == 0:
                progress.show(f"{number:,} rows, {rejects.count:,} rejected")
        flushed = target.finish(timeout_seconds=_FLUSH_SECONDS)
    progress.close()
    seconds = time.monotonic() - began
    figures = {
        "import_id": name,
        "added": target.added,
        "already_there": target.already_there,
        "rejected": rejects.count,
        "rejects_path": str(rejects_path) if rejects.count else None,
        "seconds": round(seconds, 3),
        "events_per_second": round((target.added + target.already_there) / seconds),
    }
    if options.json:
        print_json(figures)
    else:
        print(f"{target.added:,} events added, {target.already_there:,} were there already, {rejects.count:,} rejected")
        print(f"{seconds:.1f} s, {figures['events_per_second']:,} events/s")
    if not flushed:
        raise CommandError("not all of it is in the journal yet; run the same command again to send the rest")
    if rejects.count:
        note(f"rejected rows: {rejects_path}")
        return EXIT_PARTIAL
    return EXIT_DONE
