"""A peer in an environment and a process of its own, so that nothing of it enters ours.

What a peer runs is one script under `peers`, with its dependencies stated inside (PEP 723) and locked beside it; uv
makes the environment on the first use and keeps it in its cache. A script answers each line of JSON by one line.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

from cart_recovery.die_with_parent import mortal

PEERS = Path(__file__).with_name("peers")
_ROOT = Path(__file__).parents[2]
_INSTALL_SECONDS = 900
_STOP_SECONDS = 30


class PeerMissing(Exception):
    """A peer cannot take part; the message says why."""


class Peer:
    """A running peer. It is asked and answers in turns."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        """`process` has been started with pipes for input and output."""
        self._name = name
        self._process = process
        self.process_id = process.pid

    def ask(self, **question: Any) -> dict[str, Any]:
        """The answer to one question. Raises PeerMissing where the peer has ended."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """What the peer says of itself, before it is asked anything. Raises PeerMissing where it has ended."""
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise PeerMissing(f"{self._name} ended; its message stands above")
        said: dict[str, Any] = json.loads(line)
        return said


@contextmanager
def started(script: str, *arguments: object, **environment: str) -> Iterator[Peer]:
    """Runs `peers/<script>.py` until the end of the `with`, in the peer's environment. Raises PeerMissing."""
    path = PEERS / f"{script}.py"
    command = mortal([str(interpreter(path)), str(path), *map(str, arguments)])
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Peer(script, process)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            # What was not read any more by a peer that ended early is nobody's.
            with suppress(BrokenPipeError):
                cast("IO[str]", pipe).close()


@cache
def interpreter(script: Path) -> Path:
    """The Python of the script's environment, which is made where it is not there yet. Raises PeerMissing."""
    uv = _uv()
    _run([uv, "sync", "--quiet", "--locked", "--script", str(script)], f"the environment of {script.name}")
    found = _run([uv, "python", "find", "--script", str(script)], f"the interpreter of {script.name}")
    return Path(found.strip())


def _uv() -> str:
    found = shutil.which("uv")
    setup = _ROOT / "setup" / "uv.sh"
    if found is None and setup.exists():
        found = str(_ROOT / _run([str(setup)], "uv", cwd=_ROOT).strip())
    if found is None:
        raise PeerMissing("there is no uv to make the environments of peers with; install uv")
    return found


def _run(command: list[str], what: str, cwd: Path | None = None) -> str:
    # The environment that we run in ourselves is no business of uv's here.
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(f"{what} could not be made: {error}") from None
    if done.returncode != 0:
        words = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise PeerMissing(f"{what} could not be made: {words[-500:]}")
    return done.stdout
