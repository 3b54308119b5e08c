"""What the dispatcher counts can be read."""

from pathlib import Path

import pytest

from cart_recovery.addresses import free_address
from tests.harness.client import metrics_text
from tests.harness.deployment import deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_the_dispatcher_has_its_own_metrics_page(tmp_path: Path) -> None:
    address = free_address()
    with deployed(tmp_path, dispatcher_metrics_address=address) as deployment:
        deployment.start()
        assert "dispatcher_dead_letters_total" in metrics_text(address)
