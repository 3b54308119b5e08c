"""An event file as a stream of serialised TrackRequests: one pass, bounded memory, a bad row never stops it."""

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event, TrackRequest
from training.importers import values
from training.importers.assumptions import NOTHING_ASSUMED, Assumptions, Introductions
from training.importers.errors import FieldFault, HeaderRefused, ImportRefused, RowError, RowIgnored
from training.importers.kinds import KindFillers
from training.importers.mapping import EventFileMap
from training.importers.utf8 import DECODING, ENCODING, require_utf8, shown

_LONGEST_LINE = 4_000_000
_CHUNK = 1 << 20

Item = tuple[int, bytes | RowError]
"""(row number from 1, header not counted; TrackRequest bytes or what is wrong with the row)."""


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file and the map to read it by. The file may be gzip-compressed, by the ending .gz."""

    path: Path
    event_map: EventFileMap
    assumptions: Assumptions = NOTHING_ASSUMED

    def file_hash(self) -> str:
        """SHA-256 of the file's bytes, 64 hexadecimal digits."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def import_id(self) -> str:
        """Names an import: the same file by the same map is the same import. 32 hexadecimal digits."""
        return hashlib.sha256(f"{self.file_hash()}/{self.event_map.digest()}".encode()).hexdigest()[:32]

    def requests(self) -> Iterator[Item]:
        """Reads the file. Assumed introductions carry the number of the row they precede.

        Raises HeaderRefused before the first row, ImportRefused where the file cannot be read.
        """
        try:
            with self._open() as file:
                event_map = self.event_map
                rows = _csv_rows(file, event_map.columns) if event_map.format == "csv" else _json_rows(file)
                yield from self._requests(rows)
        except (OSError, EOFError, zlib.error) as error:
            raise ImportRefused(f"{self.path.name}: {error}") from error

    def _open(self) -> IO[str]:
        if self.path.suffix == ".gz":
            return gzip.open(self.path, "rt", encoding=ENCODING, errors=DECODING)
        return self.path.open(encoding=ENCODING, errors=DECODING)

    def _requests(self, rows: Iterator[tuple[int, Any]]) -> Iterator[Item]:
        row_reader = RowReader(self.event_map, self.file_hash()[:32])
        introductions = Introductions(self.assumptions)
        for number, row in rows:
            if isinstance(row, RowError):
                yield number, row
                continue
            try:
                event = row_reader.event(number, row)
            except FieldFault as fault:
                yield number, RowError(number, fault.column, fault.reason)
                continue
            if event is None:
                continue
            for introduction in introductions.before(event):
                yield number, TrackRequest(event=introduction).SerializeToString()
            yield number, TrackRequest(event=event).SerializeToString()


class RowReader:
    """A map compiled for one file."""

    def __init__(self, event_map: EventFileMap, file_hash: str) -> None:
        """`file_hash` begins the ids of events that have none of their own. Raises MapRefused."""
        fillers = KindFillers(event_map)
        self._fillers = {value: fillers.of(kind) for value, kind in event_map.kind.values.items()}
        self._ignored = frozenset(event_map.kind.ignored)
        self._kind_column = event_map.kind.column
        self._kind = values.text(f"{{{event_map.kind.column}}}")
        otherwise = event_map.kind.otherwise
        self._other_kind = values.text(f"{{{otherwise}}}") if otherwise else None
        self._time = values.time(event_map.time.column, event_map.time.format)
        self._storefront_id = event_map.storefront_id
        self._file_hash = file_hash
        self._event_id = values.identifier(event_map.event.event_id) if event_map.event.event_id else None
        identity = event_map.identity
        ids = {name: getattr(identity, name) for name in ("customer_id", "anonymous_id", "session_id")}
        self._ids = [(name, values.identifier(template)) for name, template in ids.items() if template]
        contacts = ((Channel.CHANNEL_EMAIL, identity.email), (Channel.CHANNEL_SMS, identity.phone))
        self._contacts = [(channel, values.text(template)) for channel, template in contacts if template]
        self._name = values.text(identity.name) if identity.name else None
        context = event_map.context.model_dump(exclude_none=True)
        self._context = [(name, values.text(template)) for name, template in context.items()]

    def event(self, number: int, row: values.Row) -> Event | None:
        """The event of a row; None for a row that is ignored: by the map, or as it tells nothing. Raises FieldFault."""
        kind = self._kind(row)
        if not kind and self._other_kind is not None:
            kind = self._other_kind(row)
        fill = self._fillers.get(kind)
        if fill is None:
            if kind in self._ignored:
                return None
            raise FieldFault(
                self._kind_column, f"no event kind for {kind!r}; name it in the map's kind.values or kind.ignored"
            )
        event = Event(storefront_id=self._storefront_id)
        micros = self._time(row)
        event.event_time.seconds, fraction = divmod(micros, 1_000_000)
        if fraction:
            event.event_time.nanos = fraction * 1000
        event.event_id = (self._event_id(row) if self._event_id else "") or f"{self._file_hash[:20]}-{number}"
        self._read_person(event, row)
        try:
            fill(event, row)
        except RowIgnored:
            return None
        return event

    def _read_person(self, event: Event, row: values.Row) -> None:
        identity = event.identity
        for name, read in self._ids:
            if value := read(row):
                setattr(identity, name, value)
        for channel, read in self._contacts:
            if address := read(row):
                identity.contacts.add(channel=channel, address=address)
        if self._name is not None and (name_of_person := self._name(row)):
            identity.name = name_of_person
        for name, read in self._context:
            if value := read(row):
                setattr(event.context, name, value)


def _csv_rows(file: IO[str], columns: list[str]) -> Iterator[tuple[int, dict[str, str] | RowError]]:
    """A line is a row: events have no line breaks in their fields, so a quote left open costs its own row alone.

    RFC 4180 lets a field in quotes span lines; here each of its lines is taken for a row.
    """
    _require_header(file.readline(_LONGEST_LINE), columns)
    for number, line in _lines(file):
        yield number, _csv_row(number, line, columns) if isinstance(line, str) else line


def _csv_row(number: int, line: str, columns: list[str]) -> dict[str, str] | RowError:
    try:
        cells = _cells(line)
    except csv.Error as error:
        return RowError(number, "", f"not CSV: {error}; close each quote on its line, double it inside a field")
    if len(cells) != len(columns):
        return RowError(number, "", f"{len(cells)} columns; {len(columns)} are expected")
    row = dict(zip(columns, cells, strict=True))
    return row if line.isascii() else _in_utf8(number, row)


def _require_header(line: str, columns: list[str]) -> None:
    try:
        found = _cells(line)
    except csv.Error as error:
        raise HeaderRefused(columns, []) from error
    if found != columns:
        raise HeaderRefused(columns, [shown(cell) for cell in found])


def _cells(line: str) -> list[str]:
    # Most files quote nothing, and to make a csv.reader for every line takes its time.
    if '"' not in line:
        return line.removesuffix("\n").split(",")
    # Unless it is strict, a csv.reader takes a quote that is open at the end for a closed one.
    return next(csv.reader((line,), strict=True))


def _json_rows(file: IO[str]) -> Iterator[tuple[int, dict[str, Any] | RowError]]:
    for number, line in _lines(file):
        if isinstance(line, RowError):
            yield number, line
        elif line.strip():
            yield number, _json_row(number, line)


def _json_row(number: int, line: str) -> dict[str, Any] | RowError:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowError(number, "", f"not JSON: {error}")
    if not isinstance(row, dict):
        return RowError(number, "", "not a JSON object")
    return row if line.isascii() and "\\u" not in line else _in_utf8(number, row)


def _lines(file: IO[str]) -> Iterator[tuple[int, str | RowError]]:
    """The lines that are left, by number from 1. A line that is too long is passed over piece by piece."""
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) < _LONGEST_LINE or line.endswith("\n"):
            yield number, line
            continue
        while (rest := file.readline(_LONGEST_LINE)) and not rest.endswith("\n"):
            pass
        yield number, RowError(number, "", f"longer than {_LONGEST_LINE} characters")


def _in_utf8(number: int, row: dict[str, Any]) -> dict[str, Any] | RowError:
    """The row, or what in it is not UTF-8. To ask costs time, so callers ask where ASCII does not answer it."""
    try:
        require_utf8(row)
    except FieldFault as fault:
        return RowError(number, fault.column, fault.reason)
    return row
