"""The difference of two messages of one type, field by field; floating-point numbers are compared by their bits."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

_MISSING = "(absent)"


@dataclass(frozen=True)
class FieldDifference:
    """Where two messages differ, with both values as text."""

    path: str
    """For example `candidates[2].propensity`."""
    stored: str
    executed: str


def differences(stored: Message, executed: Message) -> list[FieldDifference]:
    """Every leaf field in which the messages differ, in field order."""
    return list(_message("", stored, executed))


def _message(path: str, stored: Message, executed: Message) -> Iterator[FieldDifference]:
    for field in stored.DESCRIPTOR.fields:
        place = f"{path}.{field.name}" if path else field.name
        own, other = getattr(stored, field.name), getattr(executed, field.name)
        if field.is_repeated:
            yield from _list(place, list(own), list(other))
        elif field.has_presence and stored.HasField(field.name) != executed.HasField(field.name):
            present = stored.HasField(field.name)
            yield FieldDifference(place, _text(own) if present else _MISSING, _MISSING if present else _text(other))
        else:
            yield from _value(place, own, other)


def _list(path: str, stored: list[Any], executed: list[Any]) -> Iterator[FieldDifference]:
    for index in range(max(len(stored), len(executed))):
        place = f"{path}[{index}]"
        if index >= len(stored):
            yield FieldDifference(place, _MISSING, _text(executed[index]))
        elif index >= len(executed):
            yield FieldDifference(place, _text(stored[index]), _MISSING)
        else:
            yield from _value(place, stored[index], executed[index])


def _value(path: str, stored: Any, executed: Any) -> Iterator[FieldDifference]:
    if isinstance(stored, Message) and isinstance(executed, Message):
        yield from _message(path, stored, executed)
    elif not _same(stored, executed):
        yield FieldDifference(path, _text(stored), _text(executed))


def _same(stored: Any, executed: Any) -> bool:
    if isinstance(stored, float):
        return struct.pack("<d", stored) == struct.pack("<d", executed)
    return bool(stored == executed)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return " ".join(str(value).split()) if isinstance(value, Message) else repr(value)
