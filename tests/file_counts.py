"""Counts of an event file that owe nothing to importers or engine: polars reads the raw file and counts."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl

_REES46_TIME = "%Y-%m-%d %H:%M:%S UTC"
_CHINA = "8h"


def rees46_events(path: Path) -> pl.DataFrame:
    """The events as columns kind, time, customer, cart and product; a cart is a session."""
    kinds = {"view": "product_viewed", "cart": "product_added", "purchase": "order_completed"}
    return raw(path).select(
        kind=pl.col("event_type").replace_strict(kinds),
        time=pl.col("event_time").str.to_datetime(_REES46_TIME),
        customer="user_id",
        cart="user_session",
        product="product_id",
    )


def taobao_events(path: Path) -> pl.DataFrame:
    """The same of Taobao's file; a cart is a user's day in China."""
    kinds = {"pv": "product_viewed", "fav": "product_wishlisted", "cart": "product_added", "buy": "order_completed"}
    time = pl.from_epoch(pl.col("timestamp").cast(pl.Int64))
    return raw(path).select(
        kind=pl.col("behavior_type").replace_strict(kinds),
        time=time,
        customer="user_id",
        cart=pl.format("{} on {}", "user_id", time.dt.offset_by(_CHINA).dt.date()),
        product="item_id",
    )


EVENTS: dict[str, Callable[[Path], pl.DataFrame]] = {"rees46": rees46_events, "taobao": taobao_events}
"""The reader of a file by the name of its shipped map."""


def raw(path: Path) -> pl.DataFrame:
    """The file as it is, every value a text."""
    return pl.read_csv(path, infer_schema=False)


def counts(events: pl.DataFrame, *, abandonment_seconds: int) -> dict[str, int]:
    """Events by kind, customers, carts, abandoned carts and orders, by the engine's names."""
    kinds: dict[str, int] = dict(events.group_by("kind").len().iter_rows())
    return kinds | {
        "customers": events["customer"].n_unique(),
        "carts": events.filter(pl.col("kind") == "product_added")["cart"].n_unique(),
        "abandoned_carts": abandoned_carts(events, abandonment_seconds=abandonment_seconds),
        "orders": events.filter(pl.col("kind") == "order_completed").height,
    }


def abandoned_carts(events: pl.DataFrame, *, abandonment_seconds: int) -> int:
    """Carts that were left at least once: something was put in, nothing happened in the cart for T, and within T the
    customer ordered none of what lay in it. An order of the cart empties it for what is put in later; what happens
    exactly T later is too late."""
    patience = timedelta(seconds=abandonment_seconds)
    # An order of the same second takes what was put in.
    steps = (
        events.filter(pl.col("kind").is_in(["product_added", "order_completed"]))
        .with_columns(ordered=pl.col("kind") == "order_completed")
        .sort("time", "ordered", maintain_order=True)
        .with_columns(
            filling=pl.col("ordered").cum_sum().over("cart"),
            next_time=pl.col("time").shift(-1).over("cart"),
        )
    )
    added = steps.filter(~pl.col("ordered"))
    left = added.filter(pl.col("next_time").is_null() | (pl.col("next_time") - pl.col("time") >= patience))
    content = added.select("cart", "filling", "product", added_time="time")
    orders = steps.filter("ordered").select("customer", "product", order_time="time")
    settled = (
        left.select("cart", "filling", "customer", "time")
        .join(content, on=["cart", "filling"])
        .filter(pl.col("added_time") <= pl.col("time"))
        .join(orders, on=["customer", "product"])
        .filter(pl.col("order_time").is_between("time", pl.col("time") + patience, closed="left"))
    )
    return left.join(settled, on=["cart", "time"], how="anti")["cart"].n_unique()
