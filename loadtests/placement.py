"""Which processors a load generator and what it measures run on, so that neither takes the other's, and how long the
machine itself keeps one waiting."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_WATCHED_SECONDS = 5.0
_STALL_SECONDS = 0.0002
"""A loop that never waits takes some tenths of a microsecond a turn."""


@dataclass(frozen=True)
class Stalls:
    """How a loop that never waits was kept waiting on a processor at rest: a virtual machine waits for its host."""

    share: float
    """Of the time."""
    longest_ms: float


@dataclass(frozen=True)
class Placement:
    """How generator and scorer share the machine."""

    words: str
    stalls: Stalls
    """Of the scorer's first processor, before the load."""


@contextmanager
def apart(process_id: int) -> Iterator[Placement]:
    """Leaves the last processor to this process, until the block ends, and to the children of the process measured,
    which gets all others. Where that cannot be, all share all processors."""
    processors = _processors()
    if len(processors) < 2:
        yield Placement("generator, scorer and nats-server share its processors", _stalls())
        return
    last = {max(processors)}
    own = processors - last
    _place(process_id, own)
    for child in _children(process_id):
        _place(child, last)
    try:
        os.sched_setaffinity(0, {min(own)})
        stalls = _stalls()
        os.sched_setaffinity(0, last)
        with _first() as is_first:
            words = f"scorer on {len(own)} of {len(processors)} processors, generator and nats-server on the last"
            yield Placement(f"{words}, {'the generator first' if is_first else 'in turns'}", stalls)
    finally:
        os.sched_setaffinity(0, processors)


def on_one(process_id: int) -> None:
    """Keeps a process that calls itself on one processor. Left to the kernel, one of its servers may share the caller's
    for long, and each call to another wait until a processor at rest has woken, which in a virtual machine takes longer
    than many a call."""
    if processors := _processors():
        _place(process_id, {min(processors)})


def _processors() -> set[int]:
    """Those that this thread may run on; none where that cannot be set."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()


@contextmanager
def _first() -> Iterator[bool]:
    """Lets this thread, and those it starts, run whenever they can: that the generator waits for nats-server would be
    charged to the scorer. It takes a privilege; tells whether it is so."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    is_first = False
    # Not every kernel that lacks the privilege calls it so.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))
        is_first = True
    try:
        yield is_first
    finally:
        os.sched_setscheduler(0, policy, parameter)


def _stalls() -> Stalls:
    start = last = time.perf_counter()
    stood = longest = 0.0
    while last - start < _WATCHED_SECONDS:
        now = time.perf_counter()
        if now - last > _STALL_SECONDS:
            stood += now - last
            longest = max(longest, now - last)
        last = now
    return Stalls(stood / _WATCHED_SECONDS, longest * 1000)


def _place(process_id: int, processors: set[int]) -> None:
    for thread in Path(f"/proc/{process_id}/task").iterdir():
        # A thread may have ended meanwhile.
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), processors)


def _children(process_id: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            # It ended meanwhile.
            continue
        if f"PPid:\t{process_id}\n" in text:
            found.append(int(status.parent.name))
    return found
