# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["duckdb==2.0.1", "polars==2.1.0", "pyarrow>=26"]
# ///
"""Point-in-time features of decisions in polars or in DuckDB, with all cores.

`feature_rows.py ENGINE EVENTS DECISIONS`: the tables as Parquet, read before any clock starts.

Answers `{"write": path}` by writing the rows as Parquet, anything else by the seconds and CPU seconds of one run.
"""

import json
import math
import os
import sys
import time
from importlib.metadata import version

import duckdb
import polars as pl

LN2 = math.log(2)
HOUR, DAY, MONTH = 3600.0, 86_400.0, 2_592_000.0
GAP_MICROS, MOMENTS = 1_800_000_000, 16
COUNTERS = {
    "views_1h": (1, HOUR), "views_1d": (1, DAY), "views_30d": (1, MONTH), "adds_1d": (2, DAY), "adds_30d": (2, MONTH),
    "removes_30d": (3, MONTH), "checkouts_30d": (4, MONTH), "orders_30d": (5, MONTH), "returns_30d": (6, MONTH),
}  # fmt: skip
"""Feature: (what is counted, half-life in seconds)."""
STEPS = {"session_views": 1, "session_adds": 2, "session_removes": 3}


class Polars:
    """Joins the past of every decision to it, then aggregates; the last visit by windows over the newest steps."""

    def __init__(self, events: str, decisions: str) -> None:
        self.events, self.decisions = pl.read_parquet(events), pl.read_parquet(decisions)

    def rows(self) -> pl.DataFrame:
        """One row per decision."""
        known = self.events.lazy().unique("event", keep="first", maintain_order=True)
        decisions = self.decisions.lazy()
        asked = decisions.select("sequence", "state_sequence", "clock_micros")
        past = (
            decisions.explode("aliases")
            .join(known.rename({"sequence": "at"}), left_on="aliases", right_on="alias")
            .filter(pl.col("at") <= pl.col("state_sequence"))
            .with_columns(age=(pl.col("clock_micros") - pl.col("time_micros")) / 1e6)
        )
        of_cart = (
            decisions.select("sequence", "state_sequence", "clock_micros", "cart")
            .join(known.filter(pl.col("cart") > 0).rename({"sequence": "at"}), on="cart")
            .filter(pl.col("at") <= pl.col("state_sequence"))
            .group_by("sequence")
            .agg(
                cart_age=(pl.col("clock_micros") - pl.col("time_micros")).max() / 3.6e9,
                cart_idle=(pl.col("clock_micros") - pl.col("time_micros")).min() / 3.6e9,
                cart_stage=pl.col("stage").max(),
                cart_failed_payments=pl.col("failed").sum(),
            )
        )
        joined = asked.join(self._activity(past), on="sequence", how="left")
        joined = joined.join(self._visits(past), on="sequence", how="left").join(of_cart, on="sequence", how="left")
        return joined.drop("state_sequence", "clock_micros").collect()

    def _activity(self, past: pl.LazyFrame) -> pl.LazyFrame:
        def left(half_life: float) -> pl.Expr:
            return (pl.col("age") * (-LN2 / half_life)).exp()

        counted = {name: (left(life) * (pl.col("counter") == what)).sum() for name, (what, life) in COUNTERS.items()}
        orders = pl.col("counter") == 5
        return past.group_by("sequence").agg(
            **counted,
            revenue_30d=(left(MONTH) * pl.col("revenue")).sum(),
            orders_total=orders.sum(),
            redemptions_total=(pl.col("counter") == 7).sum(),
            customer_age=pl.col("age").max() / HOUR,
            customer_idle=pl.col("age").min() / HOUR,
            order_recency=pl.col("age").filter(orders).min() / HOUR,
        )

    def _visits(self, past: pl.LazyFrame) -> pl.LazyFrame:
        def named(column: str) -> pl.Expr:
            return pl.col(column).filter(pl.col(column) > 0).n_unique()

        newest = past.filter(pl.col("step") > 0).sort("sequence", "time_micros", descending=[False, True])
        newest = newest.filter(pl.int_range(pl.len()).over("sequence", "aliases") < MOMENTS)
        pause = (pl.col("time_micros").shift(1) - pl.col("time_micros")).fill_null(0) > GAP_MICROS
        visit = newest.filter(pause.cum_sum().over("sequence") == 0)
        return visit.group_by("sequence").agg(
            session_steps=pl.len(),
            **{name: (pl.col("step") == step).sum() for name, step in STEPS.items()},
            session_products=named("product"),
            session_categories=named("category"),
            session_minutes=(pl.col("time_micros").max() - pl.col("time_micros").min()) / 6e7,
            session_dwell=pl.col("dwell_seconds").sum(),
        )


class DuckDb:
    """The same in SQL."""

    def __init__(self, events: str, decisions: str) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("CREATE TABLE events AS SELECT * FROM read_parquet(?)", [events])
        self.connection.execute("CREATE TABLE decisions AS SELECT * FROM read_parquet(?)", [decisions])
        counted = ",".join(
            f"sum(exp(age * {-LN2 / life})) FILTER (counter = {what}) AS {name}"
            for name, (what, life) in COUNTERS.items()
        )
        steps = ",".join(f"count(*) FILTER (step = {step}) AS {name}" for name, step in STEPS.items())
        self.query = f"""
            WITH known AS (
                SELECT * FROM events QUALIFY row_number() OVER (PARTITION BY event ORDER BY sequence) = 1
            ), asked AS (
                SELECT sequence, state_sequence, clock_micros, unnest(aliases) AS alias FROM decisions
            ), past AS MATERIALIZED (
                SELECT d.sequence, e.* EXCLUDE (sequence), (d.clock_micros - e.time_micros) / 1e6 AS age
                FROM asked d JOIN known e ON e.alias = d.alias AND e.sequence <= d.state_sequence
            ), activity AS (
                SELECT sequence, {counted}, sum(exp(age * {-LN2 / MONTH}) * revenue) AS revenue_30d,
                    count(*) FILTER (counter = 5) AS orders_total, count(*) FILTER (counter = 7) AS redemptions_total,
                    max(age) / 3600 AS customer_age, min(age) / 3600 AS customer_idle,
                    min(age) FILTER (counter = 5) / 3600 AS order_recency
                FROM past GROUP BY sequence
            ), newest AS (
                SELECT * FROM past WHERE step > 0
                QUALIFY row_number() OVER (PARTITION BY sequence, alias ORDER BY time_micros DESC) <= {MOMENTS}
            ), gaps AS (
                SELECT *, lag(time_micros) OVER newer - time_micros > {GAP_MICROS} AS pause FROM newest
                WINDOW newer AS (PARTITION BY sequence ORDER BY time_micros DESC)
            ), visit AS (
                SELECT * FROM gaps
                QUALIFY coalesce(sum(pause::INT) OVER (PARTITION BY sequence ORDER BY time_micros DESC), 0) = 0
            ), visits AS (
                SELECT sequence, count(*) AS session_steps, {steps},
                    count(DISTINCT nullif(product, 0)) AS session_products,
                    count(DISTINCT nullif(category, 0)) AS session_categories,
                    (max(time_micros) - min(time_micros)) / 6e7 AS session_minutes, sum(dwell_seconds) AS session_dwell
                FROM visit GROUP BY sequence
            ), carts AS (
                SELECT d.sequence, max(d.clock_micros - e.time_micros) / 3.6e9 AS cart_age,
                    min(d.clock_micros - e.time_micros) / 3.6e9 AS cart_idle, max(stage) AS cart_stage,
                    sum(failed) AS cart_failed_payments
                FROM decisions d JOIN known e ON e.cart = d.cart AND e.cart > 0 AND e.sequence <= d.state_sequence
                GROUP BY d.sequence
            )
            SELECT d.sequence, activity.* EXCLUDE (sequence), visits.* EXCLUDE (sequence), carts.* EXCLUDE (sequence)
            FROM decisions d LEFT JOIN activity USING (sequence) LEFT JOIN visits USING (sequence)
            LEFT JOIN carts USING (sequence)
        """

    def rows(self) -> pl.DataFrame:
        """One row per decision."""
        return pl.DataFrame(self.connection.execute(self.query).to_arrow_table())


name = sys.argv[1]
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
engines: dict[str, type[Polars] | type[DuckDb]] = {"polars": Polars, "duckdb": DuckDb}
engine = engines[name](*sys.argv[2:4])
print(json.dumps({"version": version(name)}), file=answers, flush=True)
for line in sys.stdin:
    target = json.loads(line).get("write")
    wall, cpu = time.perf_counter(), time.process_time()
    rows = engine.rows()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    if target:
        rows.write_parquet(target)
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}), file=answers, flush=True)
