"""Whether a state that was restarted is the one that a fold of the whole journal gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rust_features import Engine, Keys
from tests.harness.waiting import eventually


@contextmanager
def engine_at_rest(data_directory: Path, keys: Keys, nats_url: str) -> Iterator[Engine]:
    """An engine that has folded the journal to its end. Its clock follows events, so it adds no ticks."""
    engine = Engine(data_directory=str(data_directory), keys=keys, clock="events")
    engine.start(nats_url=nats_url)
    try:
        eventually(lambda: engine.status().caught_up and engine.status().at_rest, within=60, what="the engine rests")
        yield engine
    finally:
        engine.stop(timeout_seconds=5)


def assert_equal_to_replay(data_directory: Path, empty_directory: Path, keys: Keys, nats_url: str) -> int:
    """The state from the snapshots of `data_directory` has the digest of a replay from the first message; returns the
    sequence at which they agree. No scorer may run on `data_directory`, which has snapshots."""
    with engine_at_rest(data_directory, keys, nats_url) as restarted:
        assert not restarted.notices(), restarted.notices()
        assert restarted.status().snapshot_sequence, "no snapshot was there to restart from"
        sequence, digest = restarted.digest()
        with engine_at_rest(empty_directory, keys, nats_url) as replayed:
            assert replayed.digest() == (sequence, digest)
    return sequence
