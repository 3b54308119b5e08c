"""The dispatcher's own streams and its consumers. JOURNAL and CONTACTS belong to the scorer's relay: here they are
waited for, never created."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import nats.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError, ServiceUnavailableError

from dispatcher.settings import DispatcherSettings

JOURNAL = "JOURNAL"
CONTACTS = "CONTACTS"
TOUCHES = "TOUCHES"
LEDGER = "LEDGER"

MAX_DELIVER = 20
"""The server's bound; the dispatcher itself gives up at DEAD_LETTER_DELIVERIES."""
DEAD_LETTER_DELIVERIES = 5

SUBJECT_FULL = 10077
"""Server code: the subject holds as many messages as its stream allows."""

LEDGER_AGE_SECONDS = 90 * 86_400

JOURNAL_EVENTS_THAT_CANCEL = ("order_completed", "consent_changed", "message_outcome", "erased")
"""Kinds after which pending touches are asked about again, before they fall due."""

log = structlog.get_logger(__name__)

T = TypeVar("T")


async def create_streams(js: JetStreamContext, settings: DispatcherSettings) -> None:
    """Makes TOUCHES and LEDGER, or leaves them as they are."""
    # A work queue drops a due touch once it is acknowledged; schedules stay until they fire, since nobody consumes
    # them. No age or size limit: it would drop pending schedules.
    touches = api.StreamConfig(
        name=TOUCHES,
        subjects=["sch.>", "due.>"],
        retention=api.RetentionPolicy.WORK_QUEUE,
        storage=api.StorageType.FILE,
        num_replicas=settings.replicas,
        allow_msg_schedules=True,
        allow_msg_ttl=True,
    )
    ledger = api.StreamConfig(
        name=LEDGER,
        subjects=["led.*", "dead.*"],
        storage=api.StorageType.FILE,
        num_replicas=settings.replicas,
        max_age=LEDGER_AGE_SECONDS,
    )
    await retried(lambda: js.add_stream(touches))
    await retried(lambda: js.add_stream(ledger))


async def journal_exists(js: JetStreamContext, stopping: asyncio.Event) -> bool:
    """Waits until the scorer's relay has made JOURNAL; False where the dispatcher is stopped before that."""
    pause_seconds = 0.05
    while not stopping.is_set():
        try:
            await js.stream_info(JOURNAL)
        except (NotFoundError, ServiceUnavailableError, nats.errors.Error):
            try:
                await asyncio.wait_for(stopping.wait(), pause_seconds)
            except TimeoutError:
                pause_seconds = min(2 * pause_seconds, 1.0)
        else:
            return True
    return False


async def journal_sequence(js: JetStreamContext) -> int:
    """JOURNAL's last sequence, as its leader says."""
    info = await retried(lambda: js.stream_info(JOURNAL))
    return info.state.last_seq


async def decisions_consumer(js: JetStreamContext, settings: DispatcherSettings) -> JetStreamContext.PullSubscription:
    """Every decision of JOURNAL, shared among all dispatchers."""
    return await _pull(js, JOURNAL, "dispatcher-decisions", ["dec.>"], settings)


async def cancellations_consumer(
    js: JetStreamContext, settings: DispatcherSettings
) -> JetStreamContext.PullSubscription:
    """The events of JOURNAL after which a pending touch may have lost its reason."""
    subjects = [f"evt.*.{kind}" for kind in JOURNAL_EVENTS_THAT_CANCEL]
    # Nothing was pending before the first dispatcher: what was journalled until then cancels nothing.
    return await _pull(js, JOURNAL, "dispatcher-cancellations", subjects, settings, api.DeliverPolicy.NEW)


async def due_consumer(
    js: JetStreamContext, channel_name: str, settings: DispatcherSettings
) -> JetStreamContext.PullSubscription:
    """The touches of one channel whose time has come."""
    return await _pull(js, TOUCHES, f"due-{channel_name}", [f"due.{channel_name}"], settings)


async def _pull(
    js: JetStreamContext,
    stream: str,
    durable: str,
    subjects: list[str],
    settings: DispatcherSettings,
    start: api.DeliverPolicy = api.DeliverPolicy.ALL,
) -> JetStreamContext.PullSubscription:
    config = api.ConsumerConfig(
        name=durable,
        durable_name=durable,
        deliver_policy=start,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=settings.ack_wait_seconds,
        max_deliver=MAX_DELIVER,
        # The first value stands for ack_wait; a message that nobody finishes comes back ever later.
        backoff=[settings.ack_wait_seconds * factor for factor in (1, 1, 2, 4)],
        max_ack_pending=4 * settings.concurrency,
    )
    if len(subjects) == 1:
        config.filter_subject = subjects[0]
    else:
        config.filter_subjects = subjects
    await retried(lambda: js.add_consumer(stream, config))
    return await js.pull_subscribe_bind(durable, stream)


async def retried(call: Callable[[], Awaitable[T]], *, attempts: int = 8) -> T:
    """An administrative call, repeated while the server has no leader to answer it."""
    pause_seconds = 0.05
    for _ in range(attempts - 1):
        try:
            return await call()
        except ServiceUnavailableError as error:
            # A full subject answers with the same code as a missing leader.
            if error.err_code == SUBJECT_FULL:
                raise
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            pass
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, 2.0)
    return await call()


@asynccontextmanager
async def connection(settings: DispatcherSettings, stopping: asyncio.Event) -> AsyncIterator[Client]:
    """A client that reconnects for as long as the block lasts. Where the dispatcher is stopped before NATS was found,
    it was never connected."""
    client = Client()

    async def report(error: Exception) -> None:
        log.warning("nats_error", error=type(error).__name__)

    connecting = asyncio.create_task(
        client.connect(
            settings.nats_url,
            user_credentials=settings.nats_credentials,
            error_cb=report,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            allow_reconnect=True,
            name="dispatcher",
        )
    )
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((connecting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            connecting.result()
        yield client
    finally:
        connecting.cancel()
        stopped.cancel()
        await asyncio.gather(connecting, stopped, return_exceptions=True)
        # A server that goes while the connection is closed takes nothing with it.
        with suppress(OSError, nats.errors.Error):
            await client.close()
