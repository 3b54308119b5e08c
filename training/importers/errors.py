"""What can be wrong with a file, a map or a row."""

from dataclasses import dataclass


class ImportRefused(Exception):
    """The import cannot start at all: base of the two below."""


class MapRefused(ImportRefused):
    """The map is not TOML or says something it may not."""


class HeaderRefused(ImportRefused):
    """The file's columns are not those that the map expects."""

    def __init__(self, expected: list[str], found: list[str]) -> None:
        """Both lists in the order of the file."""
        super().__init__(f"expected the columns {', '.join(expected)}; found {', '.join(found) or 'none'}")
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row is rejected; the import goes on. `row` counts from 1, the header not counted."""

    row: int
    column: str
    reason: str


class RowIgnored(Exception):
    """Inside a row: it is of a known kind and says nothing that an event could hold."""


class FieldFault(Exception):
    """Inside a row: the column at fault and why."""

    def __init__(self, column: str, reason: str) -> None:
        """The reason names the value and the remedy."""
        super().__init__(f"{column}: {reason}")
        self.column = column
        self.reason = reason
