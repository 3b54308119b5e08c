"""An address lives in the sealed contact and in the message, and nowhere else."""

from pathlib import Path

import pytest

from tests.dispatcher.conftest import Start
from tests.dispatcher.world import RESTORE_URL, World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

NAMES = (b"grace.hopper", b"personal.example", RESTORE_URL.encode())


def contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


async def test_no_store_log_or_event_holds_an_address(
    world: World, start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.mail.behaviour.recipient_replies = ["550 5.1.1 <grace.hopper@personal.example> is unknown"]
    running = await start()
    await world.decide(address="grace.hopper@personal.example")
    await world.scorer.outcome("failed")
    await world.decide(address="grace.hopper@personal.example")
    await world.scorer.outcome("sent")
    await running.stop()
    stored = contents(tmp_path)
    assert sum(map(len, stored)) > 1_000
    printed = "".join(capfd.readouterr()).encode()
    told = b"".join(event.SerializeToString() for event in world.scorer.tracked)
    for name in NAMES:
        assert not any(name in content for content in [*stored, printed, told])
