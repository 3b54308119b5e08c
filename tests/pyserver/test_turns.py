"""The age of a call, as the threads of the grpcio front know it."""

import time
from collections.abc import Iterator

import pytest

from pyserver.turns import TurnPool
from rust_features import CallQueue, Refused

BUDGET_SECONDS = 0.2


@pytest.fixture
def pool() -> Iterator[TurnPool]:
    with TurnPool(1, name="turn", queue=CallQueue(int(BUDGET_SECONDS * 1e9))) as pool:
        yield pool


def admitted(pool: TurnPool, *, before: float = 0, after: float = 0) -> None:
    """What a call does whose message comes so many seconds after its thread, and is taken up so many later."""
    time.sleep(before)
    received = time.perf_counter_ns()
    time.sleep(after)
    pool.admit(received)


def test_a_call_may_wait_for_the_budget(pool: TurnPool) -> None:
    pool.submit(admitted, pool).result()


def test_the_wait_for_a_thread_counts(pool: TurnPool) -> None:
    pool.submit(time.sleep, 2 * BUDGET_SECONDS)
    with pytest.raises(Refused):
        pool.submit(admitted, pool).result()


def test_the_wait_for_a_message_does_not_count(pool: TurnPool) -> None:
    pool.submit(admitted, pool, before=2 * BUDGET_SECONDS).result()


def test_what_a_thread_waits_for_after_its_message_counts(pool: TurnPool) -> None:
    with pytest.raises(Refused):
        pool.submit(admitted, pool, after=2 * BUDGET_SECONDS).result()
