"""Open-loop load against a real server that is slow on purpose, and the search for a rate that is kept up."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import pytest

import rust_features
from loadtests.capacity import Capacity, Plan, Step, highest, in_time_share
from loadtests.capacity_report import headline, page, render
from loadtests.placement import Placement, Stalls, apart

pytestmark = pytest.mark.alone

METHOD = "/test.Slow/Call"
OBJECTIVE_SECONDS = 0.2
PLAN = Plan(front="native", slo_p99_ms=5.0)
STEP = Step(
    offered=1000.0,
    seconds=10.0,
    answered=999.0,
    in_time_share=0.995,
    refused_share=0.0,
    failed=0,
    dropped=0,
    latency_micros={"Track": {"p50": 200, "p90": 300, "p99": 900, "p99.9": 2000}},
    first_failure=None,
    lateness_p99_micros=60,
    cpu_micros=50.0,
    spool_growth=10.0,
    resident_bytes=1e8,
)


class Slow(grpc.GenericRpcHandler):
    """Keeps each request; one thread, so a stall holds up whoever comes after."""

    def __init__(self, stall_seconds: float) -> None:
        self.requests: list[bytes] = []
        self._stall_seconds = stall_seconds

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        def answer(request: bytes, _: grpc.ServicerContext) -> bytes:
            self.requests.append(request)
            if len(self.requests) == 1:
                time.sleep(self._stall_seconds)
            return b"reply"

        assert details.method == METHOD
        return grpc.unary_unary_rpc_method_handler(answer)


def offered(stall_seconds: float) -> tuple[rust_features.LoadOutcome, Slow]:
    handler = Slow(stall_seconds)
    return offered_to(handler), handler


def offered_to(
    *handlers: grpc.GenericRpcHandler, deadline_seconds: float = 5.0, connection_age_ms: int = 3_600_000
) -> rust_features.LoadOutcome:
    age = ("grpc.max_connection_age_ms", connection_age_ms)
    server = grpc.server(ThreadPoolExecutor(1), handlers=list(handlers), options=[age])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        return rust_features.offer_load(
            address=f"127.0.0.1:{port}",
            calls=[(METHOD, 1.0, [b"call @call-number"])],
            rate=200.0,
            seconds=1.0,
            connections=2,
            deadline_seconds=deadline_seconds,
            objective_seconds=OBJECTIVE_SECONDS,
            in_flight_limit=1000,
            seed=7,
            first_number=1,
        )
    finally:
        server.stop(None).wait()


def test_every_call_is_another_one_and_is_answered() -> None:
    outcome, handler = offered(0.0)
    (answers,) = outcome.kinds
    assert answers.answered == len(handler.requests) > 100
    assert len(set(handler.requests)) == len(handler.requests)
    assert b"call 000000000001" in handler.requests
    assert (answers.refused, answers.failed, outcome.dropped) == (0, 0, 0)
    assert in_time_share(answers) > 0.9


def test_a_stall_is_charged_to_every_call_that_should_have_begun_meanwhile() -> None:
    outcome, _ = offered(0.5)
    (answers,) = outcome.kinds
    # Some hundred of two hundred calls fall due in the half second: a closed loop would have seen one slow call.
    assert answers.latency_micros[1] > 200_000
    assert in_time_share(answers) < 0.9


def test_failures_are_told() -> None:
    outcome = offered_to()
    (answers,) = outcome.kinds
    assert answers.answered == 0 < answers.failed
    assert "Method not found" in (answers.first_failure or "")


class Refusing(grpc.GenericRpcHandler):
    """Refuses every call."""

    def service(self, _: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "not now")

        return grpc.unary_unary_rpc_method_handler(answer)


def test_a_refusal_is_no_failure() -> None:
    (answers,) = offered_to(Refusing()).kinds
    assert answers.refused > 100
    assert (answers.answered, answers.failed, in_time_share(answers)) == (0, 0, 0.0)


def test_a_call_that_is_not_answered_in_time_has_failed() -> None:
    (answers,) = offered_to(Slow(0.5), deadline_seconds=0.1).kinds
    assert answers.answered > 0 and answers.failed > 10
    assert in_time_share(answers) <= answers.answered / (answers.answered + answers.failed)
    # Said by whichever end of the call is first.
    assert "Deadline expired" in (answers.first_failure or "")


def test_a_lost_connection_is_opened_again() -> None:
    handler = Slow(0.0)
    (answers,) = offered_to(handler, connection_age_ms=200).kinds
    # Without another connection the last of some two hundred calls to be made would be about the fiftieth.
    assert max(handler.requests) > b"call %012x" % 120
    assert answers.answered == len(handler.requests)


def test_nobody_listens() -> None:
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9"):
        rust_features.offer_load(
            address="127.0.0.1:9",
            calls=[(METHOD, 1.0, [b""])],
            rate=1.0,
            seconds=0.1,
            connections=1,
            deadline_seconds=1.0,
            objective_seconds=OBJECTIVE_SECONDS,
            in_flight_limit=1,
            seed=1,
            first_number=1,
        )


@pytest.mark.parametrize(
    "worse",
    [
        {"in_time_share": 0.989},
        {"dropped": 1},
        {"spool_growth": 1251.0},
        # A longer step may not let it grow by more.
        {"spool_growth": 1251.0, "seconds": 60.0},
    ],
)
def test_a_step_that_is_not_kept_up_is_beyond(worse: dict[str, object]) -> None:
    assert STEP.kept_up
    assert replace(STEP, seconds=60.0, spool_growth=1250.0).kept_up
    assert not replace(STEP, **worse).kept_up  # type: ignore[arg-type]


def test_the_highest_rate_is_found_that_is_sustained_and_not_only_kept_up_for_a_while() -> None:
    tried: list[float] = []

    def sustained_up_to(limit: float) -> float | None:
        def sustained_at(rate: float) -> float | None:
            tried.append(rate)
            return rate if rate <= limit else None

        tried.clear()
        return highest(500.0, lambda rate: rate <= 3000, sustained_at)

    found = sustained_up_to(3300)
    assert found is not None and 3300 / 1.05 < found <= 3300
    assert tried[0] == 2000
    found = sustained_up_to(1100)
    assert found is not None and 1100 / 1.05 < found <= 1100
    assert sustained_up_to(499) is None
    assert highest(500.0, lambda _: False, lambda rate: rate) is None


def test_the_report_says_what_a_planner_takes_away() -> None:
    placement = Placement("all on one", Stalls(0.0117, 8.94))
    capacity = Capacity(
        PLAN, placement, {"cpu": "two"}, "1", (STEP,), replace(STEP, seconds=60.0), (STEP,) * 5, 500.0, 1.0, None
    )
    assert headline(capacity).startswith("999 calls a second")
    assert "need 0.05 cores" in headline(capacity)
    assert "native front, objective_ms 5; all on one; before the load" in render(capacity)
    assert "kept waiting for 1.2% of the time, 8.9 ms at the longest; cpu two" in render(capacity)
    assert "At half of it, 1,000 calls a second, p99 is 4.5 times p50." in render(capacity)
    assert page(capacity).count("<polyline") == 5
    assert "Not even 500" in headline(replace(capacity, sustained=None))
    failing = replace(STEP, failed=3, first_failure="status: 'away'")
    assert "failed" not in render(capacity)
    told = render(replace(capacity, steps=(failing, failing)))
    assert "Of all, 6 calls failed, with:" in told and told.count("status: 'away'") == 1


@pytest.mark.slow
def test_the_machine_is_put_back_as_it_was() -> None:
    before = os.sched_getaffinity(0), os.sched_getscheduler(0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as measured:
        with apart(measured.pid) as placement:
            assert os.sched_getaffinity(0) <= before[0]
        with pytest.raises(KeyError), apart(measured.pid):
            raise KeyError
        measured.communicate(b"\n")
    assert 0 <= placement.stalls.share < 1 and placement.stalls.longest_ms < 5000
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0)) == before
