"""What the tests of several commands start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cart_recovery.settings import Settings
from tests.harness.bundle import release_bundle
from tests.harness.policy import quick_policy


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with keys and an active bundle, which knows the storefront of the map `taobao`."""
    settings = Settings(data_directory=tmp_path / "data")
    policy = quick_policy()
    policy.storefronts.add(storefront_id="taobao", currency_code="CNY")
    release_bundle(settings, policy)
    return settings.data_directory


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A command that runs inside a test configures the process's log, and its stream ends with the test."""
    yield
    structlog.reset_defaults()
