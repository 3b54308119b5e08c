"""A front of the scorer, filled with customers and ready to be called."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from loadtests.benchmarks.load import Caller
from loadtests.benchmarks.servers import Server, scorer
from loadtests.benchmarks.traffic import SCORE_METHOD, THREADS, checked, preload, score_requests


@dataclass(frozen=True)
class Front:
    """One running scorer."""

    name: str
    """As figures name its side."""
    server: Server
    caller: Caller
    requests: Iterator[bytes]
    """A Score for the cart of each customer in turn."""


def side(front: str) -> str:
    """How figures name a front."""
    return f"Score, {front} front"


@contextmanager
def serving(
    front: str, data_directory: Path, *, calls: int, customers: int, actions: int, progress: Callable[[str], None]
) -> Iterator[Front]:
    """Starts a front on a copy of the data directory, which holds keys and an active bundle with so many actions.

    Enough customers come in for so many calls. Raises NotServing or Unmeasured.
    """
    needed = max(calls + 1, customers)
    with tempfile.TemporaryDirectory() as temporary:
        own = Path(temporary) / "data"
        shutil.copytree(data_directory, own)
        with scorer(own, THREADS, front=front) as server, grpc.insecure_channel(server.address) as channel:
            progress(f"{side(front)}: {needed:,} customers come in")
            preload(server, needed)
            caller = Caller(channel, SCORE_METHOD)
            requests = score_requests(range(needed), actions)
            checked(caller(next(requests)), actions)
            yield Front(side(front), server, caller, requests)
