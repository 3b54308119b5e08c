"""Importers and engine on real public files, against counts that polars makes from the same files."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from cart_recovery.backtest import Backtest
from cart_recovery.event_files import in_order
from cart_recovery.keys import bundle_signing_key, ensure_keys
from cart_recovery.settings import STARTER, Settings
from cart_recovery.v1.event_pb2 import TrackRequest
from pyserver.process import engine_keys
from rust_features import Offline
from tests import file_counts
from tests.evaluation_files import evaluation_file
from tests.harness.bundle import write_bundle
from training.importers.mapping import shipped_map
from training.importers.reader import EventFile
from training.policy import read_policy

FILES = {"rees46": "rees46_2019_oct_3h.csv.gz", "taobao": "taobao_user_behavior.csv.gz"}
POLICY = read_policy(STARTER / "policy.toml")
T = POLICY.company.abandonment_seconds

EDGES_OF_ABANDONMENT = {
    "left": ((0, "cart", "a"),),
    "bought": ((0, "cart", "a"), (T - 1, "purchase", "a")),
    "bought in part": ((0, "cart", "a"), (1, "cart", "b"), (2, "purchase", "b")),
    "bought in the same second": ((0, "cart", "a"), (0, "purchase", "a")),
    "bought in the same second, told before": ((0, "purchase", "b"), (0, "cart", "a")),
    "bought too late": ((0, "cart", "a"), (T, "purchase", "a")),
    "left and bought when filled again": ((0, "cart", "a"), (T, "cart", "a"), (T + 1, "purchase", "a")),
    "filled in time and bought": ((0, "cart", "a"), (T - 1, "cart", "a"), (T + 60, "purchase", "a")),
    "filled again after the order": ((0, "cart", "a"), (60, "purchase", "a"), (61, "cart", "b")),
    "bought elsewhere": ((0, "cart", "a"), (60, "cart", "b"), (T, "elsewhere", "a")),
    "bought elsewhere too late": ((0, "cart", "a"), (T, "elsewhere", "a")),
    "bought elsewhere before the last change": ((0, "cart", "a"), (60, "elsewhere", "a"), (61, "cart", "b")),
    "another product elsewhere": ((0, "cart", "a"), (60, "elsewhere", "b")),
    "what came in later": ((0, "cart", "a"), (60, "elsewhere", "b"), (T, "cart", "b"), (T + 1, "purchase", "b")),
    "what lay there before an order": ((0, "cart", "a"), (1, "purchase", "a"), (2, "cart", "b"), (3, "elsewhere", "a")),
}
"""What one shopper does in one cart, and buys without it ("elsewhere"), in seconds from the first step."""

ABANDONED = {
    "left", "bought too late", "left and bought when filled again", "filled again after the order",
    "bought elsewhere too late", "bought elsewhere before the last change", "another product elsewhere",
    "what came in later", "what lay there before an order",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_importer_yields_what_the_file_holds(name: str) -> None:
    path = evaluation_file(FILES[name])
    kinds: Counter[str] = Counter()
    users, sessions, carts, rows = set(), set(), set(), 0
    for number, item in EventFile(path, shipped_map(name)).requests():
        assert isinstance(item, bytes), item
        event = TrackRequest.FromString(item).event
        rows = number
        kinds[event.WhichOneof("kind") or ""] += 1
        users.add(event.identity.customer_id)
        sessions.add(event.identity.session_id)
        if event.HasField("product_added"):
            carts.add(event.product_added.cart_id)
    found = {**kinds, "customers": len(users), "carts": len(carts), "orders": kinds["order_completed"]}
    expected = file_counts.counts(file_counts.EVENTS[name](path), abandonment_seconds=T)
    del expected["abandoned_carts"]
    assert found == expected
    table = file_counts.raw(path)
    assert rows == len(table)
    assert len(sessions) == (table["user_session"].n_unique() if name == "rees46" else 1)


@pytest.mark.parametrize("name", FILES)
def test_the_engine_counts_what_an_independent_count_finds(name: str, tmp_path: Path) -> None:
    path = evaluation_file(FILES[name])
    expected = file_counts.counts(file_counts.EVENTS[name](path), abandonment_seconds=T)
    assert min(expected.values()) > 0
    assert engine_counts(path, name, tmp_path) == expected | {"duplicates": 0}


@pytest.mark.parametrize("name", EDGES_OF_ABANDONMENT)
def test_both_counts_agree_on_what_abandonment_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    rows = [",".join(shipped_map("rees46").columns)]
    for second, kind, product in EDGES_OF_ABANDONMENT[name]:
        time = f"2025-03-04 {9 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} UTC"
        session = "session-2" if kind == "elsewhere" else "session-1"
        rows.append(f"{time},{kind.replace('elsewhere', 'purchase')},{product},9,shoes,elm,20.50,1,{session}")
    path.write_text("\n".join(rows) + "\n")
    counted = file_counts.abandoned_carts(file_counts.rees46_events(path), abandonment_seconds=T)
    assert counted == engine_counts(path, "rees46", tmp_path)["abandoned_carts"] == (name in ABANDONED)


def test_amounts_and_times_equal_an_independent_sum() -> None:
    path = evaluation_file(FILES["rees46"])
    frame = file_counts.raw(path).filter(pl.col("event_type") == "purchase")
    total, seconds = 0, 0
    for _, item in EventFile(path, shipped_map("rees46")).requests():
        assert isinstance(item, bytes)
        event = TrackRequest.FromString(item).event
        if event.HasField("order_completed"):
            total += event.order_completed.total.minor_units
            seconds += event.event_time.seconds
    moments = frame["event_time"].str.to_datetime("%Y-%m-%d %H:%M:%S UTC")
    assert total == (frame["price"].cast(pl.Float64) * 100).round().cast(pl.Int64).sum()
    assert seconds == moments.dt.epoch("s").sum()


def engine_counts(path: Path, name: str, directory: Path) -> dict[str, int]:
    """What the engine counts in a file, read by a shipped map, under the shipped policy."""
    settings = Settings(data_directory=directory)
    ensure_keys(settings.keys_directory)
    bundles = settings.bundles_directory
    bundle = bundles / write_bundle(bundles, bundle_signing_key(settings.keys_directory), POLICY)
    offline = Offline(keys=engine_keys(settings), bundle_directory=str(bundle), run_seed=bytes(32))
    rows = [(number, item) for number, item in EventFile(path, shipped_map(name)).requests() if isinstance(item, bytes)]
    refused: list[tuple[int, str]] = []
    backtest = Backtest(rejected=lambda row, reason: refused.append((row, reason)), decided=lambda _: None)
    backtest.run(offline, iter(in_order(iter(rows))), lambda _: None)
    assert not refused
    return offline.counts()
