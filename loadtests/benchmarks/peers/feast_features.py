# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["feast[redis]==0.67.0"]
# ///
"""Feast's online retrieval in process. `feast_features.py FOLDER STORE CUSTOMERS FEATURE...`: STORE is `sqlite` or the
address of a Redis; FOLDER is empty.

Answers `{"first": n, "calls": n}` by the microseconds of each retrieval, of so many customers from the first on.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float32

answers = os.fdopen(os.dup(1), "w")
# Feast prints; stdout is the caller's.
os.dup2(2, 1)
folder, where, customers, names = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
online = (
    {"type": "sqlite", "path": str(folder / "online.db")}
    if where == "sqlite"
    else {"type": "redis", "connection_string": where}
)
store = FeatureStore(
    config=RepoConfig(
        project="shop",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store=online,
        entity_key_serialization_version=3,
    )
)
customer = Entity(name="customer", join_keys=["customer"], value_type=ValueType.INT64)
view = FeatureView(
    name="state",
    entities=[customer],
    schema=[Field(name=name, dtype=Float32) for name in names],
    source=FileSource(path=str(folder / "none.parquet"), timestamp_field="event_timestamp"),
    ttl=timedelta(days=3650),
)
service = FeatureService(name="decision", features=[view])
# The source is never read: the rows are written to the online store directly.
pd.DataFrame({name: np.zeros(1, np.float32) for name in names} | {"customer": [0]}).assign(
    event_timestamp=datetime.now(UTC)
).to_parquet(folder / "none.parquet")
store.apply([customer, view, service])
generator = np.random.default_rng(7)
frame = pd.DataFrame(generator.random((customers, len(names)), dtype=np.float32), columns=names)
frame["customer"] = np.arange(customers)
frame["event_timestamp"] = datetime.now(UTC)
store.write_to_online_store("state", frame)


def retrieve(number: int) -> float:
    """Microseconds of one retrieval, its values as Python's."""
    start = time.perf_counter_ns()
    found = store.get_online_features(features=service, entity_rows=[{"customer": number}]).to_dict()
    micros = (time.perf_counter_ns() - start) / 1_000
    if any(found[name][0] is None for name in names):
        raise SystemExit(f"customer {number} misses a feature")
    return micros


print(json.dumps({"version": version("feast")}), file=answers, flush=True)
for line in sys.stdin:
    question = json.loads(line)
    asked = range(question["first"], question["first"] + question["calls"])
    print(json.dumps({"micros": [retrieve(number % customers) for number in asked]}), file=answers, flush=True)
