"""One reading of a journal in a process of its own, from its first message to its last: by an engine that starts on an
empty data directory, or by the engine's client alone, which folds nothing.

`python -m loadtests.benchmarks.journal_reading NATS_URL engine|client` prints the reading as JSON.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass

from cart_recovery.die_with_parent import mortal
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.throwaway_keys import throwaway_keys
from rust_features import Engine, read_journal

ENGINE, CLIENT = "engine", "client"
_POLL_SECONDS = 0.005
_STOP_SECONDS = 10.0
_MOST_SECONDS = 600.0


@dataclass(frozen=True)
class Reading:
    """What one reader came to."""

    messages: int
    digest: str
    """Of the state; empty where nothing was folded."""
    seconds: float
    cpu_seconds: float
    """Of all its threads, user and system together, from its start to the last message."""


def read(reader: str, nats_url: str) -> Reading:
    """Has the reader of that name read the journal there. Raises Unmeasured."""
    command = mortal([sys.executable, "-m", "loadtests.benchmarks.journal_reading", nats_url, reader])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Unmeasured(f"the journal could not be read by the {reader}; the reason stands above")
    return Reading(**json.loads(done.stdout))


def _by_engine(nats_url: str) -> Reading:
    with tempfile.TemporaryDirectory() as directory:
        started, cpu_started = time.perf_counter(), _cpu_seconds()
        # Its clock follows events, so that it adds no ticks to what the next reader finds.
        engine = Engine(data_directory=directory, keys=throwaway_keys(), clock="events")
        engine.start(nats_url=nats_url)
        while not (status := engine.status()).caught_up:
            if status.failure or time.perf_counter() - started > _MOST_SECONDS:
                raise Unmeasured(status.failure or status.last_error or "the engine does not catch up")
            time.sleep(_POLL_SECONDS)
        seconds, cpu_seconds = time.perf_counter() - started, _cpu_seconds() - cpu_started
        messages, digest = engine.digest()
        engine.stop(timeout_seconds=_STOP_SECONDS)
    return Reading(messages, digest, seconds, cpu_seconds)


def _by_client(nats_url: str) -> Reading:
    started, cpu_started = time.perf_counter(), _cpu_seconds()
    messages = read_journal(nats_url=nats_url)
    return Reading(messages, "", time.perf_counter() - started, _cpu_seconds() - cpu_started)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    reading = {ENGINE: _by_engine, CLIENT: _by_client}[sys.argv[2]](sys.argv[1])
    sys.stdout.write(json.dumps(asdict(reading)) + "\n")
