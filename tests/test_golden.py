"""The golden journals read by Python give the rows that Rust gives: one engine, two languages, the same bits."""

import struct
from pathlib import Path

import polars as pl
import pytest

import rust_features

WINDOW_SECONDS = 72 * 3600
FOLDER = Path(__file__).parent / "golden" / f"engine_{rust_features.ENGINE_VERSION}"


@pytest.fixture(scope="module")
def replayed() -> pl.DataFrame:
    lines = (line.split("\t") for line in (FOLDER / "journal.tsv").read_text().splitlines())
    messages = [(int(sequence), bytes.fromhex(payload)) for sequence, payload in lines]
    journal = pl.DataFrame(messages, schema={"sequence": pl.UInt64, "payload": pl.Binary}, orient="row")
    return pl.DataFrame(rust_features.replay(journal, attribution_window_seconds=WINDOW_SECONDS))


def test_the_rows_of_the_golden_journal_are_the_golden_rows(replayed: pl.DataFrame) -> None:
    header, *rows = [line.split("\t") for line in (FOLDER / "rows.tsv").read_text().splitlines()]
    features = [name for name, *_ in rust_features.feature_table()]
    assert header[-len(features) :] == features
    bits = [[struct.pack(">f", value).hex() for value in row] for row in replayed.select(features).iter_rows()]
    assert bits == [row[-len(features) :] for row in rows]
    assert replayed["decision_id"].to_list() == [row[0] for row in rows]
    assert replayed["recovered"].to_list() == [row[header.index("recovered")] == "true" for row in rows]
