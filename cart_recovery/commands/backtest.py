"""Tells what would have been decided on an event file: the same engine, offline, without any server.

Examples:
  cart-recovery backtest shop.csv.gz --map rees46 --assume-addresses --assume-consent
  cart-recovery backtest events.jsonl --json

"""

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cart_recovery.exits import EXIT_DONE, EXIT_PARTIAL
from cart_recovery.options import add_event_file_options, add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import Progress, note, print_json

if TYPE_CHECKING:
    from cart_recovery.backtest import Backtest
    from cart_recovery.v1.decision_pb2 import DecisionRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_event_file_options(parser, assumptions=True)
    parser.add_argument("--decisions", type=Path, metavar="FILE", help="write every decision there, one JSON line each")
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.backtest import Backtest
    from cart_recovery.composition import ensure_bundle
    from cart_recovery.event_files import Rejects, event_file_of, in_order
    from cart_recovery.keys import ensure_keys
    from cart_recovery.rehearsal.seed import run_seed
    from pyserver.process import engine_keys
    from rust_features import Offline

    settings = settings_of(options)
    file = event_file_of(options)
    ensure_keys(settings.keys_directory)
    bundle = settings.bundles_directory / ensure_bundle(settings)
    import_id = file.import_id()
    offline = Offline(keys=engine_keys(settings), bundle_directory=str(bundle), run_seed=run_seed(import_id))
    rejects_path = options.rejects or settings.data_directory / "backtests" / f"{import_id}.rejects.csv"
    progress = Progress(f"backtest {options.file.name}")
    began = time.monotonic()
    with ExitStack() as stack:
        rejects = stack.enter_context(Rejects(rejects_path))
        sink = stack.enter_context(_opened(options.decisions)) if options.decisions else None

        def keep(record: "DecisionRecord") -> None:
            if sink is not None:
                sink.write(json.dumps(_row(record)) + "\n")

        backtest = Backtest(rejected=lambda row, reason: rejects.add(row, "", reason), decided=keep)
        rows = in_order(rejects.accepted(file.requests()))
        reading_seconds = time.monotonic() - began
        backtest.run(offline, iter(rows), lambda done: progress.count(done, len(rows)))
    progress.close()
    counts = dict(sorted(offline.counts().items()))
    assumed = [name for name in ("addresses", "consent") if getattr(options, f"assume_{name}")]
    if options.json:
        reading = {"reading_seconds": round(reading_seconds, 3), "assumed": assumed}
        print_json({**backtest.as_json(), **reading, "counts": counts})
    else:
        if assumed:
            print(f"A rehearsal offline: {' and '.join(assumed)} assumed\n")
        _print(backtest, counts, reading_seconds)
    if rejects.count:
        note(f"{rejects.count:,} rejected rows: {rejects_path}")
        return EXIT_PARTIAL
    return EXIT_DONE


def _opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w")


def _row(record: "DecisionRecord") -> dict[str, object]:
    action = record.candidates[record.chosen].action
    return {
        "decision_id": record.decision_id,
        "time": record.clock.ToJsonString(),
        "touch": record.touch,
        "action": action.action_id,
        "discount_minor": action.discount_minor,
        "holdout": record.holdout,
    }


def _print(backtest: "Backtest", counts: dict[str, int], reading_seconds: float) -> None:
    print("counts")
    for name, count in counts.items():
        print(f"  {name:<34}{count:>12,}")
    print("\ndecisions per day and action")
    for day, actions in sorted(backtest.by_day.items()):
        print(f"  {day}  " + ", ".join(f"{action} {count:,}" for action, count in actions.most_common()))
    print(f"\n  {backtest.decisions:,} decisions, {backtest.holdout:,} in the holdout, {backtest.sends:,} e-mails")
    for reason, count in backtest.skipped.most_common():
        print(f"  not sent at its time: {reason:<28}{count:>8,}")
    print("\nwhy actions were rejected")
    for action, reasons in sorted(backtest.reasons.items()):
        print(f"  {action:<34}" + ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(3)))
    rate = f"{backtest.events_per_second:,} events/s in the engine"
    print(f"\n{backtest.events:,} events: {rate} ({backtest.engine_seconds:.1f} s), reading {reading_seconds:.1f} s")
