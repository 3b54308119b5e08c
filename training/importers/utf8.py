"""Finding text that is not UTF-8 in a row: bytes that the file's decoding let through, and lone halves of surrogates.

No message can carry such text, so its row is rejected as a whole, whatever the map reads of it.
"""

from collections.abc import Mapping
from typing import Any

from training.importers.errors import FieldFault

ENCODING = "utf-8-sig"
"""UTF-8 with or without a byte-order mark, which spreadsheets write and which belongs to no column."""

DECODING = "surrogateescape"
"""How a file is decoded, so that a wrong byte costs its row and not the file."""


def require_utf8(row: Mapping[str, Any]) -> None:
    """Looks through a whole row, names included. Raises FieldFault with the dotted path of a text that is not UTF-8."""
    # A stack of its own: JSON may be nested more deeply than calls can be.
    waiting: list[tuple[str, Any]] = [("", row)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            _require(path, value)
        elif isinstance(value, Mapping):
            waiting.extend((path, name) for name in value)
            waiting.extend((f"{path}.{name}" if path else name, part) for name, part in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{path}.{index}", part) for index, part in enumerate(value))


def shown(text: str) -> str:
    """The text with an escape in the place of whatever is not UTF-8, fit for a message."""
    return text.encode(errors="backslashreplace").decode()


def _require(path: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        # What surrogateescape makes of the bytes 0x80 to 0xFF.
        what = f"the byte 0x{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"the lone surrogate U+{code:04X}"
        raise FieldFault(path, f"is not UTF-8 at character {error.start + 1}: {what}; save it as UTF-8") from error
