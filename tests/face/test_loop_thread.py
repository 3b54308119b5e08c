"""The loop thread: calls that are bounded, calls as long as their work, and an end at Ctrl-C."""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import polars  # noqa: F401 - under its signal handler a wait without end goes on
import pytest

from cart_recovery.loop_thread import LoopThread
from cart_recovery.rehearsal.live import LiveSystem
from cart_recovery.settings import Settings
from dispatcher.dispatcher import Dispatcher

LIMIT_SECONDS = 0.5


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    thread = LoopThread("test", call_seconds=LIMIT_SECONDS)
    yield thread
    thread.close()


class Work:
    """Something that takes a while, and says so when it is dropped."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.began = threading.Event()
        self.done = threading.Event()
        self.dropped = threading.Event()

    async def fire_due(self, _until_micros: int = 0) -> int:
        self.began.set()
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.dropped.set()
            raise
        self.done.set()
        return 1


def test_a_bounded_call_drops_its_work_at_the_limit(loop: LoopThread) -> None:
    work = Work(60)
    with pytest.raises(TimeoutError):
        loop.call(work.fire_due())
    assert work.dropped.wait(10)


def test_a_night_of_touches_may_take_longer_than_a_bounded_call(loop: LoopThread, tmp_path: Path) -> None:
    night = Work(2 * LIMIT_SECONDS)
    system = LiveSystem(Settings(data_directory=tmp_path), run_seed=bytes(32), start_micros=0)
    system._loop, system._dispatcher = loop, cast("Dispatcher", night)
    system.fire_touches(0)
    assert night.done.is_set()


def test_ctrl_c_ends_an_unbounded_call_and_its_work(loop: LoopThread) -> None:
    work = Work(60)
    caller = threading.main_thread().ident or 0

    def interrupt() -> None:
        work.began.wait()
        while sys._current_frames()[caller].f_code.co_filename != threading.__file__:
            time.sleep(0.01)  # until the call waits for its work
        signal.pthread_kill(caller, signal.SIGINT)

    # Whoever starts the tests in the background of a shell has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        loop.call(work.fire_due(), bounded=False)
    signal.signal(signal.SIGINT, before)
    assert work.dropped.wait(10)
