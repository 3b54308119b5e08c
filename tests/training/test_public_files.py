"""The importers on real public files, against counts that polars makes from the same files."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from cart_recovery.v1.event_pb2 import TrackRequest
from tests.evaluation_files import evaluation_file
from training.importers.mapping import shipped_map
from training.importers.reader import EventFile

FILES = {"rees46": "rees46_2019_oct_3h.csv.gz", "taobao": "taobao_user_behavior.csv.gz"}


@pytest.mark.parametrize("name", FILES)
def test_counts_equal_an_independent_count(name: str) -> None:
    path = evaluation_file(FILES[name])
    event_map = shipped_map(name)
    kinds: Counter[str] = Counter()
    users, sessions, carts, rows = set(), set(), set(), 0
    for number, item in EventFile(path, event_map).requests():
        assert isinstance(item, bytes), item
        event = TrackRequest.FromString(item).event
        rows = number
        kinds[event.WhichOneof("kind") or ""] += 1
        users.add(event.identity.customer_id)
        sessions.add(event.identity.session_id)
        if event.HasField("product_added"):
            carts.add(event.product_added.cart_id)
    frame = table(path)
    counted = frame.group_by(event_map.kind.column).len().rows()
    assert kinds == {event_map.kind.values[value]: count for value, count in counted}
    assert rows == len(frame)
    assert len(users) == frame["user_id"].n_unique()
    in_carts = frame.filter(pl.col(event_map.kind.column) == "cart")
    if name == "rees46":
        assert len(sessions) == frame["user_session"].n_unique()
        assert len(carts) == in_carts["user_session"].n_unique()
    else:
        day = pl.from_epoch(pl.col("timestamp").cast(pl.Int64) + 8 * 3600, time_unit="s").dt.date()
        assert len(carts) == in_carts.select(pl.struct("user_id", day)).n_unique()


def test_amounts_and_times_equal_an_independent_sum() -> None:
    path = evaluation_file(FILES["rees46"])
    frame = table(path).filter(pl.col("event_type") == "purchase")
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


def table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)
