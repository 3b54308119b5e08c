"""How many messages a second an engine with an empty data directory takes from a real journal, beside its client alone,
which reads the same messages and folds nothing: what no fold can be faster than.

The journal is that of a simulated shop with its decisions, written by an engine through spool and relay, and kept by
the project's nats-server in files. Every reader is a fresh process; the server is one and the same, on this machine.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cart_recovery.v1.event_pb2 import TrackRequest
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured, without_peers
from loadtests.benchmarks.journal_reading import CLIENT, ENGINE, Reading, read
from loadtests.processor import cpu_of_process
from rust_features import Engine

ROUNDS = 5
RATE, OWN_CPU, SERVER_CPU = "messages a second", "own CPU per message", "nats-server's CPU per message"
_GOAL = 250_000
_REASON = (
    "Nearly half of a message's processor time goes into the headers of the NATS client (perf); a reader of our own "
    "was faster and left out ([why](decisions/0025-catching-up-reads-ahead.md))."
)
_FLUSH_SECONDS = 600.0
_BACKLOG = 200_000
"""Messages in the spool while the journal is filled, at most."""
_LOOK_EVERY = 10_000
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Server:
    """A running nats-server."""

    url: str
    process_id: int


def measure(
    server: Server, *, events: Iterable[TrackRequest], writer: Engine, progress: Callable[[str], None]
) -> Comparison:
    """Fills the server's empty journal through `writer`, whose clock follows events, and reads it in turns. Raises
    Unmeasured."""
    messages, digest = _fill(server, events, writer, progress)
    # The server has the journal in its caches for every reader or for none.
    _checked(read(CLIENT, server.url), messages, "")
    rounds: dict[str, list[tuple[float, float, float]]] = {ENGINE: [], CLIENT: []}
    for number in range(1, ROUNDS + 1):
        for reader, kept in rounds.items():
            progress(f"{messages:,} messages, round {number} of {ROUNDS}: {reader}")
            kept.append(_read(reader, server, messages, digest if reader == ENGINE else ""))
    names = ((RATE, "/s"), (OWN_CPU, "µs"), (SERVER_CPU, "µs"))
    figures = [
        Figure(reader, name, unit, tuple(each[place] for each in kept))
        for reader, kept in rounds.items()
        for place, (name, unit) in enumerate(names)
    ]
    return without_peers(
        name="catch-up",
        title="Catching up with the journal",
        setting=(
            f"The journal of a simulated shop, {messages:,} messages with its decisions, in files of a nats-server "
            "on this machine. The engine starts on an empty data directory and has caught up when it has folded the "
            "last message and knows every alias; its state has the digest of the engine that wrote the journal. The "
            "client is the engine's own, and neither decodes nor folds. Readers in turns, each a fresh process; "
            "nats-server shares the cores."
        ),
        figures=figures,
        goals=(Goal(RATE, ENGINE, "", _GOAL, at_least=True, reason=_REASON),),
    )


def _fill(
    server: Server, events: Iterable[TrackRequest], writer: Engine, progress: Callable[[str], None]
) -> tuple[int, str]:
    """Sequence and digest of the state in the end."""
    writer.start(nats_url=server.url)
    for number, request in enumerate(events, 1):
        writer.track(request.SerializeToString())
        if number % _LOOK_EVERY == 0:
            progress(f"{number:,} events written")
            while writer.status().spool_depth_messages > _BACKLOG:
                time.sleep(_PAUSE_SECONDS)
    if not writer.stop(timeout_seconds=_FLUSH_SECONDS):
        status = writer.status()
        raise Unmeasured(
            f"the journal could not be filled: {status.failure or status.last_error or 'it took too long'}"
        )
    return writer.digest()


def _read(reader: str, server: Server, messages: int, digest: str) -> tuple[float, float, float]:
    """Messages a second; own and the server's CPU time per message, microseconds."""
    spent = cpu_of_process(server.process_id)
    before = spent()
    reading = _checked(read(reader, server.url), messages, digest)
    of_server = spent() - before
    return (
        messages / reading.seconds,
        reading.cpu_seconds * 1e6 / messages,
        of_server * 1e6 / messages,
    )


def _checked(reading: Reading, messages: int, digest: str) -> Reading:
    if (reading.messages, reading.digest) != (messages, digest):
        found, expected = (reading.messages, reading.digest), (messages, digest)
        raise Unmeasured(f"a reader came to message and digest {found}, not to {expected}")
    return reading
