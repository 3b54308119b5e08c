"""What a person sees while a command works: progress on stderr, results on stdout."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

_REDRAW_SECONDS = 0.2
_LINE_SECONDS = 5.0


class Progress:
    """A line on stderr that moves: redrawn in place on a terminal, a new line every few seconds elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._terminal = sys.stderr.isatty()
        self._interval = _REDRAW_SECONDS if self._terminal else _LINE_SECONDS
        self._last = time.monotonic() if not self._terminal else 0.0
        self._drawn = False

    def show(self, text: str) -> None:
        """Tells where the work stands; cheap enough for every step."""
        now = time.monotonic()
        if now - self._last < self._interval:
            return
        self._last = now
        self._drawn = True
        sys.stderr.write(f"\r\x1b[K{self._title}: {text}" if self._terminal else f"{self._title}: {text}\n")
        sys.stderr.flush()

    def count(self, done: int, total: int) -> None:
        """Tells a count of a known total."""
        share = f" ({done / total:.0%})" if total else ""
        self.show(f"{done:,} of {total:,}{share}")

    def close(self) -> None:
        """Leaves the line clean."""
        if self._terminal and self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False


def note(text: str) -> None:
    """A sentence about the work, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Figures for a program, on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def program() -> str:
    """How this program is called again from the same shell: by its name where PATH has it, else by its path."""
    called = Path(sys.argv[0])
    return called.name if shutil.which(called.name) else str(called)
