"""The project's commands as child processes: their logs are read, and they are ended by their own process id."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cart_recovery.die_with_parent import mortal
from cart_recovery.settings import ENVIRONMENT_PREFIX
from tests.harness.waiting import eventually

PROJECT = Path(__file__).resolve().parents[2]

LogLine = dict[str, Any]


class Child:
    """One `cart-recovery` command. Restarts append to the same log file."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        within: Sequence[str] = (),
    ) -> None:
        """`within` is a program, with its arguments, that becomes the command."""
        self.name = arguments[0]
        self.log_path = directory / f"{self.name}.log"
        self._command = [*within, sys.executable, "-m", "cart_recovery.cli", *arguments]
        self._environment = child_environment(environment)
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._start_of_run = 0

    def start(self) -> None:
        """Starts the command; whether it is ready is asked elsewhere."""
        assert not self.alive, f"{self.name} runs already"
        self._start_of_run = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                mortal(self._command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=self._environment,
            )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL: no handler runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self, *, within: float) -> int:
        """Waits for the end and returns the exit code."""
        assert self._process is not None
        return self._process.wait(within)

    def stop(self, *, within: float = 40.0) -> int:
        """SIGTERM and the exit code; killed where it does not end in time, which is an error."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self.ask_to_stop()
        try:
            return self.wait(within=within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def log_text(self) -> str:
        """What this run has written so far."""
        with self.log_path.open("rb") as log:
            log.seek(self._start_of_run)
            return log.read().decode(errors="replace")

    def log_lines(self, event: str) -> list[LogLine]:
        """The structured lines of this run with that event."""
        lines = []
        for text in self.log_text().splitlines():
            if text.startswith("{") and text.endswith("}"):
                line: LogLine = json.loads(text)
                if line.get("event") == event:
                    lines.append(line)
        return lines

    def wait_for_log(self, event: str, *, within: float, **fields: object) -> LogLine:
        """The first line of this run with that event and those fields."""

        def found() -> LogLine | None:
            matching = (line for line in self.log_lines(event) if fields.items() <= line.items())
            return next(matching, None)

        return eventually(found, within=within, what=f"{self.name} logs {event!r} with {fields}")


def child_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of the tests without settings of the project, with `settings` instead."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(ENVIRONMENT_PREFIX)}
    search_path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return kept | {"PYTHONPATH": search_path, "PYTHONUNBUFFERED": "1"} | dict(settings)
