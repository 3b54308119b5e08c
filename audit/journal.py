"""Reads JOURNAL into Arrow: rows of (sequence, payload), as `rust_features.replay` and `execute` take them.

Reading never acknowledges, never changes the stream and ends at the sequence that was the last one at connect.
"""

import asyncio
from collections.abc import Callable, Iterator

import nats
import polars as pl
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from cart_recovery.v1.journal_pb2 import JournalMessage

STREAM = "JOURNAL"
SCHEMA = pl.Schema({"sequence": pl.UInt64(), "payload": pl.Binary()})

# Messages held as Python objects before they become one Arrow chunk.
_CHUNK_ROWS = 16_384
# A run that brings no message for so long is given up and begun again where it stood.
_SILENCE_SECONDS = 10.0
# Runs in a row that may end without a single message.
_FRUITLESS_RUNS = 3
_HEARTBEAT_SECONDS = 2.0
_CONNECT_SECONDS = 5

Progress = Callable[[int, int], None]
"""Called with (sequence read, last sequence to read) after every chunk."""


class JournalUnreadable(Exception):
    """The journal is missing, is out of reach, or does not hold every sequence that was asked for."""


def read_journal(
    nats_url: str, credentials: str | None = None, *, first_sequence: int = 1, progress: Progress | None = None
) -> pl.DataFrame:
    """Reads the journal from `first_sequence` to its last sequence at connect.

    `credentials` is the path of a NATS credentials file. The frame takes about the memory of the journal itself.
    Raises JournalUnreadable.
    """
    try:
        return asyncio.run(_read(nats_url, credentials, first_sequence, progress))
    except (NatsError, OSError, TimeoutError) as error:
        raise JournalUnreadable(f"the journal at {nats_url} is out of reach: {error}") from error


def messages(journal: pl.DataFrame) -> Iterator[tuple[int, JournalMessage]]:
    """The journal's messages in the order of the fold."""
    for sequence, payload in journal.iter_rows():
        yield sequence, JournalMessage.FromString(payload)


async def _read(nats_url: str, credentials: str | None, first_sequence: int, progress: Progress | None) -> pl.DataFrame:
    client = await nats.connect(
        nats_url,
        user_credentials=credentials,
        allow_reconnect=False,
        max_reconnect_attempts=1,
        reconnect_time_wait=0.2,
        connect_timeout=_CONNECT_SECONDS,
        error_cb=_ignore_asynchronous_error,
    )
    try:
        last_sequence = await _last_sequence(client, first_sequence)
        reader = _Reader(first_sequence, last_sequence, progress)
        await reader.read(client.jetstream())
        return reader.frame()
    finally:
        await client.close()


async def _ignore_asynchronous_error(_: Exception) -> None:
    """A lost connection or a dropped message shows as silence or as a gap, which the reader answers."""


async def _last_sequence(client: Client, first_sequence: int) -> int:
    """The last sequence at connect; raises JournalUnreadable where the stream begins after `first_sequence`."""
    try:
        state = (await client.jetstream().stream_info(STREAM)).state
    except NotFoundError as error:
        raise JournalUnreadable(f"this NATS server has no stream {STREAM}; start the scorer once") from error
    if state.messages and state.first_seq > first_sequence:
        raise JournalUnreadable(f"the journal begins at sequence {state.first_seq}, after {first_sequence}")
    return state.last_seq


class _Reader:
    """Collects consecutive sequences; whatever breaks the order ends a run and the next run begins there."""

    def __init__(self, first_sequence: int, last_sequence: int, progress: Progress | None) -> None:
        self._next = first_sequence
        self._last = last_sequence
        self._progress = progress
        self._sequences: list[int] = []
        self._payloads: list[bytes] = []
        self._chunks: list[pl.DataFrame] = [SCHEMA.to_frame()]
        self._broken = False
        self._stirred = asyncio.Event()

    async def read(self, stream: JetStreamContext) -> None:
        """Reads up to the last sequence; raises JournalUnreadable after too many runs without a message."""
        fruitless = 0
        while self._next <= self._last:
            before = self._next
            await self._run(stream)
            fruitless = fruitless + 1 if self._next == before else 0
            if fruitless == _FRUITLESS_RUNS:
                raise JournalUnreadable(f"the journal gave nothing from sequence {before} of {self._last}")

    async def _run(self, stream: JetStreamContext) -> None:
        self._broken = False
        subscription = await stream.subscribe(
            ">",
            stream=STREAM,
            cb=self._receive,
            config=ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self._next,
                ack_policy=AckPolicy.NONE,
                mem_storage=True,
                num_replicas=1,
            ),
            manual_ack=True,
            idle_heartbeat=_HEARTBEAT_SECONDS,
            # Only the keyword counts: the client overwrites the field of the configuration, and gaps follow.
            flow_control=True,
        )
        try:
            while self._next <= self._last and not self._broken and await self._heard():
                pass
        finally:
            await subscription.unsubscribe()

    async def _heard(self) -> bool:
        """Waits for a closed chunk or a gap; False after a time without any message."""
        before = self._next
        self._stirred.clear()
        try:
            await asyncio.wait_for(self._stirred.wait(), _SILENCE_SECONDS)
        except TimeoutError:
            return self._next > before
        return True

    async def _receive(self, message: Msg) -> None:
        sequence = message.metadata.sequence.stream
        # A message below the next one is left over from the run before.
        if self._broken or sequence > self._last or sequence < self._next:
            return
        if sequence != self._next:
            self._broken = True
            self._stirred.set()
            return
        self._sequences.append(sequence)
        self._payloads.append(message.data)
        self._next += 1
        if len(self._sequences) == _CHUNK_ROWS or sequence == self._last:
            self._close_chunk()
            self._stirred.set()

    def _close_chunk(self) -> None:
        self._chunks.append(pl.DataFrame({"sequence": self._sequences, "payload": self._payloads}, schema=SCHEMA))
        self._sequences, self._payloads = [], []
        if self._progress is not None:
            self._progress(self._next - 1, self._last)

    def frame(self) -> pl.DataFrame:
        """All chunks as one frame."""
        return pl.concat(self._chunks)
