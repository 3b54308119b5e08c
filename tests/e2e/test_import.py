"""An import into a live deployment: each row once, whatever interrupts it, and never a decision."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cart_recovery.exits import EXIT_FAILED, EXIT_PARTIAL
from cart_recovery.imports import Import
from cart_recovery.v1.event_pb2 import TrackRequest
from tests.harness.deployment import Deployment, deployed
from tests.harness.shop import Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HEADER = "user_id,item_id,category_id,behavior_type,timestamp"
ROWS = 40
BAD_ROW = 7


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with deployed(tmp_path) as deployment:
        yield deployment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [f"{row},{row},1,cart,{1_511_544_070 + row}" for row in range(1, ROWS + 1)]
    rows[BAD_ROW - 1] = "1,1,1,cart,yesterday"
    path = tmp_path / "events.csv"
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


def test_an_import_beside_a_scorer_is_added_once(deployment: Deployment, file: Path) -> None:
    deployment.start_scorer()
    deployment.wait_until_deciding()
    words = ("ingest", str(file), "--format", "csv", "--map", "taobao", "--json")
    first = deployment.command(*words)
    assert first.returncode == EXIT_PARTIAL, first.stderr
    figures = json.loads(first.stdout)
    assert (figures["added"], figures["already_there"], figures["rejected"]) == (ROWS - 1, 0, 1)
    assert Path(figures["rejects_path"]).read_text().splitlines()[1].startswith(f"{BAD_ROW},timestamp,")
    second = json.loads(deployment.command(*words).stdout)
    assert (second["added"], second["already_there"], second["rejected"]) == (0, ROWS - 1, 1)
    journal = deployment.wait_and_read("product_added", count=ROWS - 1)
    assert sum(entry.message.imported for entry in journal) == ROWS - 1
    assert not any(entry.message.HasField("decision") for entry in journal)
    assert [path.name for path in deployment.settings.imports_directory.iterdir()] == [
        Path(figures["rejects_path"]).name
    ], "the spool of a finished import is gone"


def test_an_interrupted_import_goes_on_where_it_was(deployment: Deployment) -> None:
    shop = Shop(seed=82)
    requests = [TrackRequest(event=shop.viewed(shop.shopper())).SerializeToString() for _ in range(ROWS)]
    assert imported(deployment, requests[: ROWS // 2], finish=False) == ROWS // 2
    assert imported(deployment, requests, finish=True) == ROWS // 2
    entries = [entry for entry in deployment.journal() if entry.message.imported]
    assert len({entry.event.event_id for entry in entries}) == len(entries) == ROWS
    assert sorted(entry.spool_offset for entry in deployment.journal()) == list(range(1, ROWS + 1)), "rows alone"


def test_a_wrong_header_stops_an_import_at_once(deployment: Deployment, file: Path) -> None:
    file.write_text(file.read_text().replace("behavior_type", "behaviour"))
    ended = deployment.command("ingest", str(file), "--format", "csv", "--map", "taobao")
    assert ended.returncode == EXIT_FAILED
    assert "behaviour" in ended.stderr
    assert not deployment.journal()


def imported(deployment: Deployment, requests: list[bytes], *, finish: bool) -> int:
    """Runs an import with these rows, to its end or not; how many it added."""
    with Import(deployment.settings, "rows", deployment.nats_url) as target:
        target.wait_caught_up(timeout_seconds=30)
        for row, request in enumerate(requests, start=1):
            assert target.add(row, request) is None
        if finish:
            assert target.finish(timeout_seconds=30)
        return target.added
