"""Watches the journal while it grows, for the story and for the world: nothing in the system depends on it."""

import queue

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.journal_pb2 import JournalMessage

STREAM = "JOURNAL"
_IDLE_HEARTBEAT_SECONDS = 5.0


class JournalObserver:
    """Reads the journal from its beginning. Runs in an event loop; `take` may be called from another thread."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[JournalMessage] = queue.SimpleQueue()
        self._client: Client | None = None
        self.sequence = 0
        """The last sequence read."""
        self.decisions: dict[str, DecisionRecord] = {}
        """Decisions of this run by send id, the latest of each."""

    async def start(self, nats_url: str) -> None:
        """Subscribes; the stream exists already."""
        self._client = await nats.connect(nats_url)
        await self._client.jetstream().subscribe(
            ">",
            stream=STREAM,
            cb=self._read,
            manual_ack=True,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, mem_storage=True),
            idle_heartbeat=_IDLE_HEARTBEAT_SECONDS,
            flow_control=True,
        )

    async def stop(self) -> None:
        """Ends the subscription."""
        if self._client is not None:
            await self._client.close()

    def take(self) -> list[JournalMessage]:
        """The messages since the last call, in the order of the journal."""
        taken = []
        while not self._messages.empty():
            taken.append(self._messages.get_nowait())
        return taken

    async def _read(self, message: Msg) -> None:
        content = JournalMessage.FromString(message.data)
        if content.HasField("decision"):
            self.decisions[content.decision.send_id] = content.decision
        if not content.HasField("tick"):
            self._messages.put(content)
        self.sequence = message.metadata.sequence.stream
