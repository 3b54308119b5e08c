"""Event files on the command line: the options that name one, and the file of rejected rows."""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from cart_recovery.exits import EXIT_USAGE, CommandError
from cart_recovery.v1.event_pb2 import TrackRequest
from training.importers.assumptions import Assumptions
from training.importers.errors import MapRefused, RowError
from training.importers.mapping import EventFileMap, read_map, shipped_map, shipped_map_names
from training.importers.reader import EventFile, Item

REJECTS_LIMIT = 1_000_000
"""Rejected rows that are written down; beyond them they are counted only."""


def event_file_of(options: argparse.Namespace) -> EventFile:
    """The file that the options name. Raises CommandError where it is none that can be read, MapRefused.

    Call it before anything is made or trained for the file's sake.
    """
    _check_readable(options.file)
    assumptions = Assumptions(
        addresses=getattr(options, "assume_addresses", False), consent=getattr(options, "assume_consent", False)
    )
    return EventFile(options.file, _map_of(options), assumptions)


def _check_readable(path: Path) -> None:
    try:
        # A pipe will not do: a file is read once for its hash and once for its rows.
        if path.is_file():
            path.open("rb").close()
            return
        reason = "there is no such file"
    except OSError as error:
        reason = error.strerror or str(error)
    raise CommandError(f"the event file {path} cannot be read: {reason}; check its name and permissions", EXIT_USAGE)


def _map_of(options: argparse.Namespace) -> EventFileMap:
    if options.map is None and options.format == "csv":
        raise MapRefused(f"--format csv needs --map: a file, or one of {', '.join(shipped_map_names())}")
    if options.map is None and options.format is None and {".csv", ".tsv"} & set(options.file.suffixes):
        raise MapRefused(
            f"{options.file.name} is no file of Segment events, which is what is read without --map; name a map of "
            f"your own (docs/event-files.md), or one of {', '.join(shipped_map_names())}"
        )
    name = options.map or "segment"
    event_map = read_map(Path(name)) if name.endswith(".toml") else shipped_map(name)
    if options.format is not None and event_map.format != options.format:
        raise MapRefused(f"the map {name} is for {event_map.format}, not {options.format}")
    return event_map


class Rejects:
    """The rows that were not understood, one CSV line each: row, column, reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A reason or a column may quote what is not UTF-8.
        self._file = self.path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
        self._writer = csv.writer(self._file)
        self._writer.writerow(("row", "column", "reason"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if self.count == 0:
            self.path.unlink()

    def add(self, row: int, column: str, reason: str) -> None:
        """Writes one row down."""
        self.count += 1
        if self.count <= REJECTS_LIMIT:
            self._writer.writerow((row, column, reason))

    def accepted(self, items: Iterator[Item]) -> Iterator[tuple[int, bytes]]:
        """Passes on what was understood, writes down the rest."""
        for number, item in items:
            if isinstance(item, RowError):
                self.add(item.row, item.column, item.reason)
            else:
                yield number, item


def in_order(rows: Iterator[tuple[int, bytes]]) -> list[tuple[int, TrackRequest]]:
    """All rows (number, request) by their time; those of the same time stay in order. Holds the file in memory."""
    requests = [(number, TrackRequest.FromString(request)) for number, request in rows]
    requests.sort(key=lambda row: row[1].event.event_time.ToMicroseconds())
    return requests
