"""A restart folds only what the journal got since the last snapshot, and decides from the same state."""

from pathlib import Path

from rust_features import Engine
from tests.harness.deployment import Deployment, deployed
from tests.harness.shop import Shop
from tests.harness.states import assert_equal_to_replay
from tests.harness.waiting import eventually

EVERY = 40
"""Messages between two snapshots."""


def snapshots(deployment: Deployment) -> list[Path]:
    """Newest first."""
    return sorted((deployment.data_directory / "snapshots").glob("*.snapshot"), reverse=True)


def trade(deployment: Deployment, shop: Shop, shoppers: int) -> None:
    """Shoppers fill carts and leave them; all of it is folded afterwards."""
    for _ in range(shoppers):
        deployment.track_all(list(shop.abandoning(shop.shopper())))
    deployment.wait_until_published()


def test_restarts_go_on_from_a_snapshot_and_from_the_one_before_where_it_is_damaged(tmp_path: Path) -> None:
    with deployed(tmp_path, snapshot_messages=str(EVERY)) as deployment:
        shop = Shop(seed=5)
        deployment.start_scorer()
        deployment.wait_until_deciding()
        for _ in range(3):
            before = deployment.metric("snapshot_sequence")
            trade(deployment, shop, EVERY // 2)
            eventually(
                lambda before=before: deployment.metric("snapshot_sequence") > before, within=30, what="a new snapshot"
            )
        assert deployment.metric("snapshot_failed") == 0
        deployment.scorer.kill()
        # The kill may come between the writing of a third and the deletion of the first.
        assert len(snapshots(deployment)) in {2, 3}

        deployment.start_scorer()
        deployment.wait_until_deciding()
        assert not deployment.scorer.log_lines("at opening")
        assert deployment.metric("events_folded_total") < deployment.metric("folded_sequence") - EVERY
        deployment.scorer.kill()

        newest = snapshots(deployment)[0]
        content = bytearray(newest.read_bytes())
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
        deployment.start_scorer()
        deployment.wait_until_deciding()
        (line,) = deployment.scorer.log_lines("at opening")
        assert newest.name in line["notice"]
        assert "damaged" in line["notice"]
        deployment.scorer.stop()
        newest.unlink(missing_ok=True)
        assert_equal_to_replay(deployment.data_directory, tmp_path / "empty", deployment.keys, deployment.nats_url)


def test_a_snapshot_that_cannot_be_written_is_told_of_and_tried_again(tmp_path: Path) -> None:
    with deployed(tmp_path, snapshot_messages=str(EVERY)) as deployment:
        shop = Shop(seed=7)
        deployment.start_scorer()
        # Also for those whom no permission keeps from writing.
        folder = deployment.data_directory / "snapshots"
        folder.write_bytes(b"")
        trade(deployment, shop, EVERY // 2)
        eventually(lambda: deployment.metric("snapshot_failed") == 1, within=30, what="the metric tells of it")
        line = deployment.scorer.wait_for_log("snapshot not written", within=10)
        assert str(folder) in line["reason"]
        folder.unlink()
        trade(deployment, shop, EVERY // 2)
        eventually(lambda: deployment.metric("snapshot_failed") == 0, within=30, what="the metric takes it back")
        assert snapshots(deployment)
        assert deployment.metric("snapshot_sequence") > 0


def test_another_journal_than_that_of_the_snapshots_is_refused(tmp_path: Path) -> None:
    with deployed(tmp_path, snapshot_messages="1") as deployment, deployed(tmp_path / "other") as other:
        for one in (deployment, other):
            one.start_scorer()
            trade(one, Shop(seed=6), 1)
        eventually(lambda: snapshots(deployment), within=30, what="a snapshot")
        deployment.scorer.stop()
        engine = Engine(data_directory=str(deployment.data_directory), keys=deployment.keys, clock="events")
        engine.start(nats_url=other.nats_url)
        failure = eventually(lambda: engine.status().failure, within=30, what="the engine refuses the journal")
        engine.stop(timeout_seconds=1)
        assert "not those that the state was folded from" in failure
        assert "empty the data directory's snapshots" in failure
