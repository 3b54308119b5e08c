"""A scorer from start to orderly end, with a real nats-server."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import nats
import pytest
from structlog.testing import capture_logs

from cart_recovery.nats_server import NatsServer
from cart_recovery.settings import Settings
from cart_recovery.v1.event_pb2 import Acknowledge, TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from pyserver.bundles import BundlePointer
from pyserver.process import Scorer
from rust_features import BundleRefused
from tests.pyserver.conftest import NOBODY, added

Connect = Callable[[Scorer], grpc.Channel]


@pytest.fixture
def server(settings: Settings) -> Iterator[NatsServer]:
    with NatsServer(settings.nats_directory) as running:
        yield running


def journalled(url: str) -> int:
    async def count() -> int:
        client = await nats.connect(url)
        info = await client.jetstream().stream_info("JOURNAL", subjects_filter="evt.*.product_added")
        await client.close()
        return sum((info.state.subjects or {}).values())

    return asyncio.run(count())


def test_stopping_flushes_the_spool_into_the_journal(settings: Settings, server: NatsServer, connect: Connect) -> None:
    scorer = Scorer(settings)
    scorer.start(server.url)
    events = EventServiceStub(connect(scorer))
    for number in range(200):
        events.Track(added(f"event-{number}", customer_id=f"customer-{number % 7}"))
    assert scorer.stop()
    assert journalled(server.url) == 200


def test_calls_and_spool_share_the_time_of_the_end(settings: Settings, connect: Connect) -> None:
    scorer = Scorer(settings)
    scorer.start(NOBODY)
    ended = threading.Event()

    def endless() -> Iterator[TrackStreamRequest]:
        yield TrackStreamRequest(track=added("one"))
        ended.wait()

    stream = EventServiceStub(connect(scorer)).TrackStream(endless())
    assert next(stream).HasField("accepted")
    began = time.monotonic()
    assert not scorer.stop()
    assert time.monotonic() - began < 1.5 * settings.drain_seconds
    ended.set()


def test_what_was_accepted_without_nats_is_journalled_after_the_next_start(
    settings: Settings, connect: Connect
) -> None:
    early = Scorer(settings.model_copy(update={"drain_seconds": 0.1}))
    early.start(NOBODY)
    EventServiceStub(connect(early)).Track(added("early"))
    assert not early.stop()
    # The engine holds the spool's lock for as long as it is referred to.
    del early
    gc.collect()
    with NatsServer(settings.nats_directory) as server:
        again = Scorer(settings)
        again.start(server.url)
        assert again.stop()
        assert journalled(server.url) == 1


def test_journalled_means_in_the_journal(settings: Settings, server: NatsServer, connect: Connect) -> None:
    scorer = Scorer(settings)
    scorer.start(server.url)
    request = added("event")
    request.acknowledge = Acknowledge.ACKNOWLEDGE_JOURNALED
    assert EventServiceStub(connect(scorer)).Track(request, timeout=30).journal_sequence > 0
    assert journalled(server.url) == 1
    scorer.stop()


def test_a_caller_is_refused_once_the_scorer_stops(settings: Settings, server: NatsServer, connect: Connect) -> None:
    scorer = Scorer(settings)
    scorer.start(server.url)
    events = EventServiceStub(connect(scorer))
    events.Track(added("event"))
    scorer.stop()
    with pytest.raises(grpc.RpcError) as refused:
        events.Track(added("late"), timeout=2)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_refused_bundle_is_logged_once_and_nothing_else_changes(settings: Settings, lonely: Scorer) -> None:
    wanted = "0" * 32
    (settings.bundles_directory / wanted).mkdir(parents=True)
    (settings.bundles_directory / "active").write_text(wanted)
    pointer = BundlePointer(settings.bundles_directory, lonely.engine)
    with capture_logs() as logs:
        pointer.follow()
        pointer.follow()
    assert [(one["event"], one["wanted"]) for one in logs] == [("bundle refused", wanted)]
    assert pointer.refusal
    assert lonely.engine.status().bundle_id is None


def test_a_bundle_that_was_refused_is_tried_again_and_each_reason_is_logged_once(tmp_path: Path) -> None:
    loader, wanted = Loader(), "0" * 32
    (tmp_path / "active").write_text(wanted)
    pointer = BundlePointer(tmp_path, loader)
    with capture_logs() as logs:
        for loader.reason in ["unreadable", "unreadable", "unsigned", None, "not asked"]:
            pointer.follow()
    assert [(one["event"], one.get("reason")) for one in logs] == [
        ("bundle refused", "unreadable"),
        ("bundle refused", "unsigned"),
        ("bundle active", None),
    ]
    assert pointer.refusal is None


def test_a_pointer_that_goes_back_to_the_active_bundle_refuses_nothing(tmp_path: Path) -> None:
    loader, active = Loader(), "0" * 32
    pointer = BundlePointer(tmp_path, loader)
    for wanted in (active, "none", active):
        (tmp_path / "active").write_text(wanted)
        pointer.follow()
        assert (pointer.refusal is None) == (wanted == active)


class Loader:
    """Refuses bundles for as long as there is a reason."""

    reason: str | None = None

    def load_bundle(self, directory: str) -> str:
        if self.reason is not None:
            raise BundleRefused(self.reason)
        return Path(directory).name


@pytest.mark.parametrize("text", ["", "../../outside", "not an id"])
def test_a_pointer_leads_nowhere_but_to_a_bundle(settings: Settings, lonely: Scorer, text: str) -> None:
    settings.bundles_directory.mkdir()
    (settings.bundles_directory / "active").write_text(text)
    pointer = BundlePointer(settings.bundles_directory, lonely.engine)
    pointer.follow()
    assert pointer.refusal == "the pointer holds no bundle id of 32 hexadecimal digits"
