"""What an operator meets: an address in use, and the metrics page."""

import urllib.request
from collections.abc import Callable

import grpc
import pytest

from cart_recovery.settings import Settings
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from pyserver.process import Scorer
from tests.pyserver.conformance.answers import code_of
from tests.pyserver.conftest import added, alone

Connect = Callable[[Scorer], grpc.Channel]


def test_an_address_in_use_is_an_error(settings: Settings, lonely: Scorer) -> None:
    taken = settings.model_copy(
        update={
            "scorer_address": f"127.0.0.1:{lonely.front.port}",
            "data_directory": settings.data_directory.with_name("other"),
        }
    )
    taken.data_directory.mkdir()
    (taken.data_directory / "keys").symlink_to(settings.keys_directory)
    with pytest.raises(RuntimeError, match="bind"):
        Scorer(taken)


def test_the_metrics_page_tells_gauges_counters_and_durations(settings: Settings, connect: Connect) -> None:
    with alone(settings, with_metrics_page=True) as scorer:
        events = EventServiceStub(connect(scorer))
        events.Track(added("event"))
        assert code_of(lambda: events.Track(added(""))) == grpc.StatusCode.INVALID_ARGUMENT
        with urllib.request.urlopen(f"http://127.0.0.1:{scorer.metrics_port}/metrics", timeout=5) as answer:
            page = answer.read().decode()
    assert "cart_recovery_spool_depth_messages 1.0" in page
    assert 'cart_recovery_call_duration_seconds_count{method="Track"} 2.0' in page
    assert 'cart_recovery_calls_refused_total{method="Track",reason="REASON_FIELD_MISSING"} 1.0' in page
    assert "cart_recovery_events_accepted_total 1.0" in page
    assert "process_cpu_seconds_total" in page
