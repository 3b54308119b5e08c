"""The ledger lets exactly one process take each step."""

import asyncio

import pytest

from cart_recovery.v1.event_pb2 import Event
from dispatcher.ledger import Ledger, LedgerConflict
from dispatcher.streams import create_streams
from dispatcher.touch import LedgerEntry, LedgerStage
from tests.dispatcher.world import World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_one_of_many_claims_wins(world: World) -> None:
    await create_streams(world.js, world.settings)
    ledgers = [Ledger(world.js) for _ in range(10)]
    claim = LedgerEntry(LedgerStage.CLAIMED, attempt=1)
    results = await asyncio.gather(*(ledger.append("s1", claim) for ledger in ledgers), return_exceptions=True)
    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, LedgerConflict) for result in results) == 9


async def test_entries_read_back_as_written(world: World) -> None:
    await create_streams(world.js, world.settings)
    ledger = Ledger(world.js)
    assert await ledger.last("s1") is None
    revision = await ledger.append("s1", LedgerEntry(LedgerStage.CLAIMED, attempt=1))
    closed = LedgerEntry(LedgerStage.CLOSED, 0, revision, event=Event(event_id="e"), after_sequence=42)
    await ledger.append("s1", closed)
    found = await ledger.last("s1")
    assert found is not None and found.event is not None
    assert (found.stage, found.event.event_id, found.after_sequence) == (LedgerStage.CLOSED, "e", 42)
    assert found.stored_micros > 0


async def test_step_from_an_old_revision_is_refused(world: World) -> None:
    await create_streams(world.js, world.settings)
    ledger = Ledger(world.js)
    revision = await ledger.append("s1", LedgerEntry(LedgerStage.CLAIMED, attempt=1))
    await ledger.append("s1", LedgerEntry(LedgerStage.CALLING, 1, revision))
    with pytest.raises(LedgerConflict):
        await ledger.append("s1", LedgerEntry(LedgerStage.CALLING, 1, revision))
