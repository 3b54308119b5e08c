"""Reading single values out of a row: templates, numbers, money, paths, times. Each reader is compiled once per map."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from training.importers.errors import FieldFault, MapRefused

Row = Mapping[str, Any]
"""A row: column → text for CSV, a JSON object for JSON lines."""

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_LONGEST_ID_BYTES = 64
_LATEST_MICROS = 253_402_300_799_000_000


def lookup(path: str) -> Callable[[Row], Any]:
    """Finds a value by column name, or by dotted path in nested objects; None where it is not there."""
    parts = path.split(".")
    if len(parts) == 1:
        return lambda row: row.get(path)

    def nested(row: Row) -> Any:
        value: Any = row
        for part in parts:
            if not isinstance(value, Mapping):
                return None
            value = value.get(part)
        return value

    return nested


def text(template: str) -> Callable[[Row], str]:
    """Fills "{column}" placeholders; empty where any of them is missing or empty."""
    names = _PLACEHOLDER.findall(template)
    if not names:
        raise MapRefused(f"{template!r} names no column; write {{column}}")
    if template == f"{{{names[0]}}}":
        find = lookup(names[0])

        def single(row: Row) -> str:
            value = find(row)
            return "" if value is None else value if type(value) is str else _scalar(value, names[0])

        return single
    finders = [(name, lookup(name)) for name in names]
    pieces = _PLACEHOLDER.split(template)[::2]

    def several(row: Row) -> str:
        values = [_scalar(find(row), name) for name, find in finders]
        if not all(values):
            return ""
        return pieces[0] + "".join(value + piece for value, piece in zip(values, pieces[1:], strict=True))

    return several


def identifier(template: str, *, required: bool = False) -> Callable[[Row], str]:
    """An id of at most 64 bytes."""
    read = text(template)
    column = _PLACEHOLDER.findall(template)[0]

    def checked(row: Row) -> str:
        value = read(row)
        if len(value) > 16 and len(value.encode()) > _LONGEST_ID_BYTES:
            raise FieldFault(column, f"an id of {len(value.encode())} bytes; at most {_LONGEST_ID_BYTES} are allowed")
        if required and not value:
            raise FieldFault(column, "is empty; every row needs it")
        return value

    return checked


def whole_number(template: str, default: int) -> Callable[[Row], int]:
    """A number from 0 to 2^32 - 1; the default where empty."""
    read = text(template)
    column = _PLACEHOLDER.findall(template)[0]

    def number(row: Row) -> int:
        value = read(row)
        if not value:
            return default
        if not value.isdecimal() or len(value) > 10 or int(value) >= 1 << 32:
            raise FieldFault(column, f"{value!r} is not a whole number below 2^32")
        return int(value)

    return number


def money(column: str, decimals: int) -> Callable[[Row], int | None]:
    """An amount in major units with so many decimals as minor units; None where empty."""
    find = lookup(column)
    scale = Decimal(10) ** decimals

    def minor(row: Row) -> int | None:
        value = find(row)
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            raise FieldFault(column, f"{value!r} is not an amount")
        try:
            amount = Decimal(str(value)) * scale
            whole = int(amount.to_integral_value())
        except (InvalidOperation, ValueError, OverflowError) as error:
            raise FieldFault(column, f"{value!r} is not an amount; write it like 12.50") from error
        if not 0 <= whole < 1 << 53:
            raise FieldFault(column, f"{value!r} is negative or too large")
        return whole

    return minor


def path_of_categories(column: str, separator: str | None) -> Callable[[Row], list[str]]:
    """A category path from the root; empty where the column is."""
    find = lookup(column)

    def path(row: Row) -> list[str]:
        value = _scalar(find(row), column)
        if not value:
            return []
        return [part.strip() for part in value.split(separator)] if separator else [value]

    return path


def time(column: str, time_format: str) -> Callable[[Row], int]:
    """A moment as microseconds since 1970 UTC. Formats: epoch_seconds, epoch_millis, iso8601, or strptime's in UTC."""
    find = lookup(column)
    parse = _time_parser(time_format)

    def micros(row: Row) -> int:
        value = find(row)
        if value is None or value == "":
            raise FieldFault(column, "is empty; every event needs its time")
        try:
            moment = parse(value if isinstance(value, str) else str(value))
        except (ValueError, OverflowError) as error:
            raise FieldFault(column, f"{value!r} is not a time of the form {time_format}") from error
        if not 0 <= moment <= _LATEST_MICROS:
            raise FieldFault(column, f"{value!r} lies before 1970 or after 9999")
        return moment

    return micros


def _time_parser(time_format: str) -> Callable[[str], int]:
    if time_format == "epoch_seconds":
        return lambda value: int(value) * 1_000_000
    if time_format == "epoch_millis":
        return lambda value: int(value) * 1_000
    if time_format == "iso8601":
        return lambda value: _micros(_in_utc(datetime.fromisoformat(value)))
    if time_format == "%Y-%m-%d %H:%M:%S UTC":
        return _fixed_width_utc
    if "%" not in time_format:
        raise MapRefused(f"unknown time format {time_format!r}")
    if "%z" in time_format:
        return lambda value: _micros(datetime.strptime(value, time_format).astimezone(UTC))
    return lambda value: _micros(datetime.strptime(value, time_format).replace(tzinfo=UTC))


def _fixed_width_utc(value: str) -> int:
    # strptime takes 8 µs, a tenth of a second for every 12,000 rows; this takes a fifth of that.
    if len(value) != 23 or value[10] != " " or not value.endswith(" UTC"):
        raise ValueError(value)
    return _micros(datetime.fromisoformat(value[:19]).replace(tzinfo=UTC))


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _scalar(value: Any, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldFault(column, f"holds {type(value).__name__}; text or a number is needed")
    return str(value)
