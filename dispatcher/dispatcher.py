"""The messaging process: one object that connects, works until it is stopped, and finishes what it has in hand."""

import asyncio

import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from cart_recovery.v1.journal_pb2 import JournalMessage
from dispatcher import streams
from dispatcher.cancellation import Cancellation
from dispatcher.caps import Caps, ClockedCaps, JetStreamCaps
from dispatcher.channels import open_channels
from dispatcher.clock import Clock, WallClock
from dispatcher.composer import Composer
from dispatcher.contacts import Contacts
from dispatcher.http_face.server import HttpFace
from dispatcher.ledger import Ledger
from dispatcher.links import Links
from dispatcher.ports import Ports
from dispatcher.process import Process
from dispatcher.release import ActiveRelease
from dispatcher.schedule import LATER, HeapSchedule, JetStreamSchedule, Schedule, channel_name, decode
from dispatcher.scorer import Scorer
from dispatcher.settings import DispatcherSettings
from dispatcher.touch import Touch, touch_of
from dispatcher.worker import Worker

log = structlog.get_logger(__name__)


class Dispatcher:
    """Dispatches touches. With a rehearsal clock, touches fall due when `fire_due` says so, and caps follow that
    clock."""

    def __init__(self, settings: DispatcherSettings, *, rehearsal_clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock: Clock = rehearsal_clock or WallClock()
        self._heap = None if rehearsal_clock is None else HeapSchedule()
        self._channels = {channel.kind: channel for channel in open_channels(settings)}
        self._release = ActiveRelease(settings.data_directory, settings.bundle_public_key)
        self._links = Links(settings.link_key, settings.public_url)
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._workers: list[Worker] = []
        self._process: Process | None = None
        self._http: HttpFace | None = None

    async def run(self) -> None:
        """Works until `stop`; then pulls no more, finishes the touches in hand and returns."""
        scorer = Scorer(
            self._settings.scorer_target,
            tls=self._settings.scorer_tls,
            patience_seconds=self._settings.scorer_patience_seconds,
        )
        # Links are followed and opt-outs taken also while NATS is away.
        self._http = HttpFace(self._settings, self._clock, self._links, self._release, scorer)
        try:
            await self._http.start()
            async with streams.connection(self._settings, self._stopping) as client:
                js = client.jetstream()
                if await streams.journal_exists(js, self._stopping):
                    await self._set_up(js, scorer)
                    await self._work(scorer)
        finally:
            await self._http.stop()
            for channel in self._channels.values():
                await channel.provider.close()
            await scorer.close()

    async def stop(self) -> None:
        """Asks `run` to come to its end."""
        self._stopping.set()

    async def ready(self) -> None:
        """Waits until messages are being pulled."""
        await self._ready.wait()

    @property
    def http_port(self) -> int | None:
        """The port of the HTTP face once it listens."""
        return None if self._http is None else self._http.port

    async def at_rest(self) -> bool:
        """Everything in the journal was taken in and nothing is in hand; due touches of a rehearsal may wait."""
        if not self._ready.is_set():
            return False
        return all([await worker.at_rest() for worker in self._workers])

    def next_due(self) -> int | None:
        """Of a rehearsal: when the next touch falls due, microseconds since 1970 UTC."""
        return None if self._heap is None else self._heap.due_time()

    async def fire_due(self, until_micros: int) -> int:
        """Of a rehearsal: processes every touch due by then, one after the other; returns how many."""
        if self._heap is None or self._process is None:
            return 0
        count = 0
        while touches := self._heap.fire(until_micros):
            for touch in touches:
                await self._process.on_due(touch)
            count += len(touches)
        return count

    async def _set_up(self, js: JetStreamContext, scorer: Scorer) -> None:
        settings = self._settings
        await streams.create_streams(js, settings)
        contacts = Contacts(js, settings.contact_key)
        ports = Ports(
            settings=settings,
            clock=self._clock,
            schedule=self._schedule(js),
            ledger=Ledger(js),
            caps=self._caps(js),
            contacts=contacts,
            composer=Composer(contacts, self._links, open_pixel=settings.open_pixel),
            release=self._release,
            scorer=scorer,
            channels=self._channels,
            journal_sequence=lambda: streams.journal_sequence(js),
        )
        self._process = Process(ports)
        self._workers = await self._open_workers(js, ports, self._process)

    def _schedule(self, js: JetStreamContext) -> Schedule:
        if self._heap is not None:
            return self._heap
        return JetStreamSchedule(
            js, ttl_seconds=self._settings.touch_ttl_seconds, jitter_seconds=self._settings.jitter_seconds
        )

    def _caps(self, js: JetStreamContext) -> Caps:
        if self._heap is not None:
            return ClockedCaps(self._clock)
        return JetStreamCaps(js, replicas=self._settings.replicas)

    async def _open_workers(self, js: JetStreamContext, ports: Ports, process: Process) -> list[Worker]:
        settings, cancellation = self._settings, Cancellation(ports.schedule, process)

        async def on_decision(message: Msg) -> None:
            journalled, sequence = _journalled(message)
            touch = touch_of(journalled.decision, sequence)
            if touch is not None:
                cancellation.remember(touch)
            await process.on_decision(journalled.decision, sequence)

        async def on_event(message: Msg) -> None:
            journalled, sequence = _journalled(message)
            await cancellation.on_event(journalled, sequence)

        async def on_due(message: Msg) -> None:
            await process.on_due(_due(message))

        async def bury(message: Msg) -> None:
            await ports.ledger.bury(
                str(message.metadata.sequence.stream), message.data, {"Buried-From": message.subject}
            )

        async def bury_touch(message: Msg) -> None:
            await bury(message)
            await process.give_up(_due(message))

        decisions = await streams.decisions_consumer(js, settings)
        cancellations = await streams.cancellations_consumer(js, settings)
        workers = [
            Worker("decisions", decisions, on_decision, bury, settings, js),
            Worker("cancellations", cancellations, on_event, bury, settings, js),
        ]
        if self._heap is None:
            for name in (LATER, *map(channel_name, self._channels)):
                due = await streams.due_consumer(js, name, settings)
                workers.append(Worker(f"due-{name}", due, on_due, bury_touch, settings, js))
        return workers

    async def _work(self, scorer: Scorer) -> None:
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run(self._stopping))
            self._ready.set()
            log.info("dispatching", channels=[channel_name(kind) for kind in self._channels])
            await self._stopping.wait()
            scorer.lose_patience()


def _journalled(message: Msg) -> tuple[JournalMessage, int]:
    return JournalMessage.FromString(message.data), message.metadata.sequence.stream


def _due(message: Msg) -> Touch:
    return decode(message.data, message.headers or {})
