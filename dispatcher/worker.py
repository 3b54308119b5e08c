"""Pulls messages of one consumer and has them processed, a bounded number at a time. A message is acknowledged, twice
over, only when it is done; whatever fails unexpectedly comes again, and is buried after several deliveries."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from dispatcher import metrics
from dispatcher.settings import DispatcherSettings
from dispatcher.streams import DEAD_LETTER_DELIVERIES

FETCH_SECONDS = 0.5
"""How long one pull waits for a message; also how late a stop is noticed."""
ACK_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Worker:
    """One consumer's messages on their way through one handler."""

    def __init__(
        self,
        name: str,
        subscription: JetStreamContext.PullSubscription,
        handle: Callable[[Msg], Awaitable[None]],
        bury: Callable[[Msg], Awaitable[None]],
        settings: DispatcherSettings,
        js: JetStreamContext,
    ) -> None:
        self._name = name
        self._js = js
        self._subscription = subscription
        self._handle = handle
        self._bury = bury
        self._heartbeat_seconds = settings.ack_wait_seconds / 3
        self._places = asyncio.Semaphore(settings.concurrency)
        self._in_hand: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Pulls until `stopping` is set, then finishes what is in hand. Cancelled, it drops all at once."""
        try:
            while await self._may_pull(stopping):
                message = await self._next()
                if message is None:
                    self._places.release()
                    continue
                task = asyncio.create_task(self._process(message))
                self._in_hand.add(task)
                task.add_done_callback(self._finished)
            await asyncio.gather(*self._in_hand)
        except asyncio.CancelledError:
            for task in self._in_hand:
                task.cancel()
            raise

    async def at_rest(self) -> bool:
        """Nothing waits in the consumer and nothing is in hand."""
        if self._in_hand:
            return False
        consumer = await self._subscription.consumer_info()
        if consumer.num_pending or consumer.num_ack_pending or self._in_hand:
            return False
        # The server counts what is pending a moment after it has acknowledged the publish, so the stream has the word.
        acknowledged = consumer.ack_floor.stream_seq if consumer.ack_floor else 0
        return await self._last_sequence(consumer) <= acknowledged

    async def _last_sequence(self, consumer: ConsumerInfo) -> int:
        """Of the stream's last message that the consumer takes; 0 where there is none, or where it has several filters
        (those only cancel early what is confirmed again when it falls due)."""
        if not consumer.config.filter_subject:
            return 0
        try:
            last = await self._js.get_last_msg(consumer.stream_name, consumer.config.filter_subject)
        except nats.js.errors.NotFoundError:
            return 0
        return last.seq or 0

    async def _may_pull(self, stopping: asyncio.Event) -> bool:
        """Takes a place for one more message; none where the stop came before the place was free."""
        await self._places.acquire()
        if stopping.is_set():
            self._places.release()
            return False
        return True

    async def _next(self) -> Msg | None:
        try:
            return (await self._subscription.fetch(1, timeout=FETCH_SECONDS))[0]
        except nats.errors.TimeoutError:
            return None
        except nats.errors.Error as error:
            log.warning("pull_failed", consumer=self._name, error=type(error).__name__)
            await asyncio.sleep(FETCH_SECONDS)
            return None

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._places.release()

    async def _process(self, message: Msg) -> None:
        deliveries = message.metadata.num_delivered or 1
        if deliveries > 1:
            metrics.REDELIVERIES.labels(self._name).inc()
        heartbeat = asyncio.create_task(self._stay_alive(message))
        try:
            with metrics.IN_HAND.labels(self._name).track_inprogress():
                if deliveries > DEAD_LETTER_DELIVERIES:
                    await self._give_up(message)
                else:
                    await self._handle(message)
                    await message.ack_sync(timeout=ACK_SECONDS)
        except Exception as error:
            # Whatever one message does, the others go on. It comes again after ack_wait. Exception texts may quote what
            # a peer said, so only the type is logged.
            log.error("message_failed", consumer=self._name, deliveries=deliveries, error=type(error).__name__)
        finally:
            heartbeat.cancel()

    async def _give_up(self, message: Msg) -> None:
        await self._bury(message)
        metrics.DEAD_LETTERS.labels(self._name).inc()
        log.error("message_buried", consumer=self._name)
        await message.term()

    async def _stay_alive(self, message: Msg) -> None:
        with suppress(nats.errors.Error):
            while True:
                await asyncio.sleep(self._heartbeat_seconds)
                await message.in_progress()
