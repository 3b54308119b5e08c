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


def test_a_call_may_wait_for_the_budget(pool: TurnPool) -> None:
    pool.submit(pool.admit).result()


def test_the_wait_for_a_thread_counts(pool: TurnPool) -> None:
    pool.submit(time.sleep, 2 * BUDGET_SECONDS)
    with pytest.raises(Refused):
        pool.submit(pool.admit).result()


def test_what_a_thread_waits_for_before_the_engine_counts(pool: TurnPool) -> None:
    def late() -> None:
        time.sleep(2 * BUDGET_SECONDS)
        pool.admit()

    with pytest.raises(Refused):
        pool.submit(late).result()
