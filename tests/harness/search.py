"""Finds a value in bytes however it may be written: raw, in another case, base64, hexadecimal, quoted or escaped."""

import json
import quopri
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote


def forms_of(value: str) -> dict[str, bytes]:
    """The ways a value may stand in bytes, by name. All but the base64 forms are compared in lower case."""
    raw = value.encode()
    return {
        "raw": raw.lower(),
        "hexadecimal": raw.hex().encode(),
        "percent": quote(value, safe="").lower().encode(),
        "quoted-printable": quopri.encodestring(raw, quotetabs=True).strip().lower(),
        "all quoted-printable": "".join(f"={byte:02x}" for byte in raw).encode(),
        "JSON": json.dumps(value)[1:-1].lower().encode(),
        "UTF-16": value.lower().encode("utf-16-le"),
    }


def base64_forms(value: str) -> dict[str, bytes]:
    """The middle of the value's base64 text at each of the three places where it may begin."""
    forms = {}
    for shift in range(3):
        padded = b"\0" * shift + value.encode()
        whole = len(padded) // 3 * 3
        # The first and last groups of four may hold bits of neighbours.
        skipped = 4 if shift else 0
        for name, encode in (("base64", b64encode), ("URL base64", urlsafe_b64encode)):
            forms[f"{name} at {shift}"] = encode(padded[:whole])[skipped:]
    return forms


def find(values: Iterable[str], content: bytes) -> Iterator[tuple[str, str]]:
    """Pairs of value and form that occur in the content."""
    lower = content.lower()
    for value in values:
        for name, form in forms_of(value).items():
            if form in lower:
                yield value, name
        for name, form in base64_forms(value).items():
            if form in content:
                yield value, name


def find_in_files(values: Iterable[str], directory: Path) -> list[str]:
    """Where any of the values stands in a file or file name under the directory."""
    wanted = list(values)
    found: list[str] = []
    for path in sorted(directory.rglob("*")):
        content = str(path.relative_to(directory)).encode()
        if path.is_file():
            content += b"\0" + path.read_bytes()
        found.extend(f"{path.relative_to(directory)}: {value!r} as {form}" for value, form in find(wanted, content))
    return found
