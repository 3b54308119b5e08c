"""Order of the tests: quick ones first, slow ones later, those that kill processes last."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by marker; within a group the order of collection stays."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("fault", "slow")])
