"""Tells what lies in a spool folder: spools, segments, messages by kind, torn tails and damage. It only reads, so a
scorer may write there meanwhile, and it works where a start refuses.

Examples:
  cart-recovery spool                                  that of the data directory
  cart-recovery spool data/imports/0123abcd/spool      that of an import
  cart-recovery spool --json

exit codes: 0 sound, 1 damaged or not readable: a start refuses, 3 a torn tail: the next start cuts it

"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cart_recovery.exits import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL
from cart_recovery.options import add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import print_json

if TYPE_CHECKING:
    from rust_features import SpoolReport

_EXITS = {"sound": EXIT_DONE, "torn": EXIT_PARTIAL, "damaged": EXIT_FAILED}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "directory",
        type=Path,
        nargs="?",
        metavar="DIRECTORY",
        help="a spool folder (default: that of the data directory)",
    )
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from rust_features import inspect_spool

    directory = options.directory or settings_of(options).spool_directory
    reports = inspect_spool(str(directory))
    if options.json:
        print_json([_as_json(report) for report in reports])
    else:
        print("\n\n".join(map(_as_text, reports)) or f"no spools in {directory}")
    conditions = {report.condition for report in reports}
    worst = next((one for one in ("damaged", "torn") if one in conditions), "sound")
    return _EXITS[worst]


def _as_json(report: "SpoolReport") -> dict[str, Any]:
    return {
        "number": report.number,
        "spool_id": report.spool_id,
        "condition": report.condition,
        "path": str(report.path) if report.path else None,
        "position": report.position,
        "why": report.why,
        "oldest_received": _time(report.oldest_micros),
        "newest_received": _time(report.newest_micros),
        "kinds": report.kinds,
        "segments": [
            {"path": str(one.path), "frames": one.frames, "bytes": one.bytes, "file_bytes": one.file_bytes}
            for one in report.segments
        ],
    }


def _as_text(report: "SpoolReport") -> str:
    frames, size = sum(one.frames for one in report.segments), sum(one.bytes for one in report.segments)
    lines = [f"spool {report.number} ({report.spool_id}): {frames:,} messages, {size:,} bytes"]
    if report.oldest_micros is not None:
        lines.append(f"  received {_time(report.oldest_micros)} to {_time(report.newest_micros)}")
    lines += [f"  {count:>10,}  {kind}" for kind, count in sorted(report.kinds.items())]
    lines += [
        f"  {one.path.name}: {one.frames:,} messages, {one.bytes:,} of {one.file_bytes:,} bytes"
        for one in report.segments
    ]
    if report.condition == "torn":
        lines.append(
            f"  torn: {report.path} ends soundly at byte {report.position}; nobody was answered for what follows, "
            "unless power was lost or the file was damaged, and the next start cuts it (where a scorer runs, it may be "
            "a message just being written)"
        )
    if report.condition == "damaged":
        lines.append(
            f"  damaged: {report.path} at byte {report.position}: {report.why}; a start refuses. Restore the file, or "
            "move the spool away and lose its messages"
        )
    return "\n".join(lines)


def _time(micros: int | None) -> str | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="milliseconds")
