"""Reading single values out of a row: templates, numbers, money, paths, times. Each reader is compiled once per map."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cart_recovery.currencies import minor_unit_decimals
from training.importers.errors import FieldFault, MapRefused

Row = Mapping[str, Any]
"""A row: column → text for CSV, a JSON object for JSON lines."""

LARGEST_AMOUNT_MINOR = 1 << 53
"""Sums up to here are exact in a double."""

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_WHOLE_NUMBER = re.compile(r"([0-9]{1,10})(?:\.0+)?")
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


def whole_number(template: str, default: int, *, least: int = 0) -> Callable[[Row], int]:
    """A number from `least` to 2^32 - 1, also written as 2.0; the default where empty."""
    read = text(template)
    column = _PLACEHOLDER.findall(template)[0]

    def number(row: Row) -> int:
        value = read(row)
        if not value:
            return default
        written = _WHOLE_NUMBER.fullmatch(value)
        if written is None or not least <= int(written[1]) < 1 << 32:
            raise FieldFault(column, f"{value!r} is not a whole number from {least} to 2^32 - 1")
        return int(written[1])

    return number


def money(column: str, decimals: int | None) -> Callable[[Row, str], int | None]:
    """An amount in major units as minor units of the currency given with the row; None where empty.

    `decimals` stands above the currency's own.
    """
    find = lookup(column)

    def minor(row: Row, currency_code: str) -> int | None:
        value = find(row)
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            raise FieldFault(column, f"{value!r} is not an amount")
        places = minor_unit_decimals(currency_code) if decimals is None else decimals
        try:
            amount = Decimal(str(value)).scaleb(places)
            # Compared before it becomes an integer: 1e99999 is a short text, and a long integer.
            usable = 0 <= amount < LARGEST_AMOUNT_MINOR
        except ArithmeticError as error:
            raise FieldFault(column, f"{value!r} is not an amount; write it like 12.50") from error
        if not usable:
            raise FieldFault(column, f"{value!r} is negative or too large")
        return int(amount.to_integral_value())

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
