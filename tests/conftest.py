"""Order of the tests: quick ones first, slow ones later, those that kill processes last; properties have no deadline,
since tests run side by side."""

import hypothesis
import pytest

hypothesis.settings.register_profile("side by side", deadline=None)
hypothesis.settings.load_profile("side by side")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts by marker; within a group the order of collection stays."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("fault", "slow")])
