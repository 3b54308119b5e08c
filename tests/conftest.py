"""Order of the tests: quick ones first, slow ones later, those that kill processes last."""

import os
import sys

import pytest

_STATUS = pytest.StashKey[int]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by marker; within a group the order of collection stays."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("fault", "slow")])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the process with the result that stands: threads of gRPC servers that tests left behind may still
    run, and crash, while the interpreter is torn down."""
    status = config.stash.get(_STATUS, None)
    if status is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remembers the result."""
    session.config.stash[_STATUS] = int(exitstatus)
