"""Which processors a load generator and what it measures run on, so that neither takes the other's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def apart(process_id: int) -> Iterator[str]:
    """Leaves the last processor to this process, until the block ends, and to the children of the process measured,
    which gets all others; tells in words how things stand. Where that cannot be, all share all processors."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        yield "generator, scorer and nats-server share its processors"
        return
    processors = os.sched_getaffinity(0)
    last = {max(processors)}
    own = processors - last
    _place(process_id, own)
    for child in _children(process_id):
        _place(child, last)
    os.sched_setaffinity(0, last)
    try:
        yield f"scorer on {len(own)} of {len(processors)} processors, generator and nats-server on the last"
    finally:
        os.sched_setaffinity(0, processors)


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
