"""Child processes of `cart-recovery up`: started, started again when they die, stopped in the reverse order."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Self

from cart_recovery.die_with_parent import mortal
from cart_recovery.terminal import note

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""A part that ran so long has proven itself: its next death is answered at once again."""


@dataclass
class Part:
    """One command of the command line as a process."""

    command: str
    words: list[str]
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause_seconds: float = field(default=_FIRST_PAUSE_SECONDS)
    due: float = 0.0

    def start(self) -> None:
        """Starts the process; call it from the main thread, whose death is the child's."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            mortal([sys.executable, "-m", "cart_recovery.cli", self.command, *self.words]),
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            # A session of its own: Ctrl-C reaches the supervisor alone, which stops the parts in order.
            start_new_session=True,
        )

    def stop(self, *, timeout_seconds: float) -> None:
        """Asks the process to end and waits; ends it where it does not."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            note(f"{self.command} did not stop in {timeout_seconds:.0f} s and is ended")
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Keeps parts running. Use it as a context."""

    def __init__(self, parts: list[Part], *, stop_seconds: float) -> None:
        self._parts = parts
        self._stop_seconds = stop_seconds

    def __enter__(self) -> Self:
        for part in self._parts:
            part.start()
        return self

    def __exit__(self, *_: object) -> None:
        for part in reversed(self._parts):
            part.stop(timeout_seconds=self._stop_seconds)

    def restart_dead(self) -> None:
        """Starts dead parts again, after a pause that doubles while they keep dying."""
        now = time.monotonic()
        for part in self._parts:
            if part.process is None:
                if now >= part.due:
                    part.start()
            elif (code := part.process.poll()) is not None:
                if now - part.started > _STEADY_SECONDS:
                    part.pause_seconds = _FIRST_PAUSE_SECONDS
                note(f"{part.command} ended with {code}; it starts again in {part.pause_seconds:g} s")
                part.process = None
                part.due = now + part.pause_seconds
                part.pause_seconds = min(2 * part.pause_seconds, _LONGEST_PAUSE_SECONDS)
