"""Reads whole streams of the tests' nats-server, headers included."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import JournalMessage
from cart_recovery.v1.message_pb2 import MessageOutcome

_BATCH = 500
_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Stored:
    """One message of a stream."""

    sequence: int
    subject: str
    headers: dict[str, str]
    payload: bytes
    time: datetime
    """When the server stored it."""


@dataclass(frozen=True)
class Entry:
    """One message of JOURNAL."""

    sequence: int
    subject: str
    spool_id: str
    spool_offset: int
    time: datetime
    message: JournalMessage

    @property
    def event(self) -> Event:
        """The event; an empty one where the message is no event."""
        return self.message.event

    @property
    def outcome(self) -> MessageOutcome:
        """The message outcome; an empty one where the message is none."""
        return self.message.event.message_outcome


def read_journal(nats_url: str) -> list[Entry]:
    """JOURNAL from its beginning to its end at this moment; empty where there is none yet."""
    return [_entry(stored) for stored in read_stream(nats_url, "JOURNAL")]


def read_stream(nats_url: str, stream: str) -> list[Stored]:
    """A stream from its beginning to its end at this moment."""
    return asyncio.run(_read(nats_url, stream))


def decisions(journal: Iterable[Entry]) -> list[DecisionRecord]:
    """The decision records in the journal's order."""
    return [entry.message.decision for entry in journal if entry.message.HasField("decision")]


def outcomes(journal: Iterable[Entry], kind: str | None = None) -> list[MessageOutcome]:
    """The message outcomes in the journal's order, all or of one kind ("sent", "skipped", …)."""
    found = [entry.outcome for entry in journal if entry.event.HasField("message_outcome")]
    return [outcome for outcome in found if kind in (None, outcome.WhichOneof("outcome"))]


async def _read(nats_url: str, stream: str) -> list[Stored]:
    client = await nats.connect(nats_url, allow_reconnect=False, connect_timeout=5)
    try:
        js = client.jetstream()
        try:
            last = (await js.stream_info(stream)).state.last_seq
        except NotFoundError:
            return []
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, mem_storage=True)
        subscription = await js.pull_subscribe(">", stream=stream, config=config)
        found: list[Stored] = []
        while last and (not found or found[-1].sequence < last):
            for message in await subscription.fetch(_BATCH, timeout=_TIMEOUT_SECONDS):
                place = message.metadata
                found.append(
                    Stored(
                        sequence=place.sequence.stream,
                        subject=message.subject,
                        headers=message.headers or {},
                        payload=message.data,
                        time=place.timestamp,
                    )
                )
        return found
    finally:
        await client.close()


def _entry(stored: Stored) -> Entry:
    spool_id, _, spool_offset = stored.headers["Nats-Msg-Id"].partition(":")
    return Entry(
        sequence=stored.sequence,
        subject=stored.subject,
        spool_id=spool_id,
        spool_offset=int(spool_offset),
        time=stored.time,
        message=JournalMessage.FromString(stored.payload),
    )
