"""Commands over an event file: a wrong name costs nothing but a sentence, a wrong row nothing but itself."""

import json
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL, EXIT_USAGE

HEADER = b"user_id,item_id,category_id,behavior_type,timestamp\n"
ROWS = [b"%d,%d,1,cart,%d\n" % (row, row, 1_511_544_070 + row) for row in range(1, 6)]


@pytest.mark.parametrize("command", ["ingest", "backtest", "rehearse"])
@pytest.mark.parametrize("name", ["nowhere.csv", ""])
def test_a_file_that_is_none_is_told_before_anything_is_made(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name  # without a name the directory itself
    words = [command, str(path), "--map", "taobao", "--data", str(tmp_path / "data")]
    assert main(words) == EXIT_USAGE
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and str(path) in told and "check its name" in told
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("bad", "column"),
    [
        (ROWS[1].replace(b",1,cart", b",caf\xe9,cart"), "category_id"),
        (ROWS[1].replace(b",cart,", b",\xff,"), "behavior_type"),
        (ROWS[1].replace(b",1511", b",x1511"), "timestamp"),
    ],
)
def test_a_bad_row_is_written_down_and_the_rest_is_read(
    data: Path, tmp_path: Path, bad: bytes, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, rejects = tmp_path / "events.csv", tmp_path / "rejects.csv"
    file.write_bytes(HEADER + b"".join([ROWS[0], bad, *ROWS[2:]]))
    words = ["backtest", str(file), "--map", "taobao", "--rejects", str(rejects), "--data", str(data), "--json"]
    assert main(words) == EXIT_PARTIAL
    assert json.loads(capsys.readouterr().out)["counts"]["product_added"] == len(ROWS) - 1
    (_, rejected) = rejects.read_text().splitlines()
    assert rejected.startswith(f"2,{column},")


def test_a_wrong_header_stops_at_once(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.csv"
    file.write_bytes(HEADER.replace(b"behavior_type", b"behaviour\xe9") + b"".join(ROWS))
    assert main(["backtest", str(file), "--map", "taobao", "--data", str(data)]) == EXIT_FAILED
    assert "behavior_type" in capsys.readouterr().err


def test_decisions_are_written_where_they_are_wanted(data: Path, tmp_path: Path) -> None:
    file, decisions = tmp_path / "events.csv", tmp_path / "made" / "decisions.jsonl"
    file.write_bytes(HEADER + b"".join(ROWS))
    words = ["backtest", str(file), "--map", "taobao", "--data", str(data), "--decisions", str(decisions)]
    assert main(words) == EXIT_DONE
    assert len(decisions.read_text().splitlines()) == len(ROWS)


def test_a_csv_without_a_map_is_asked_for_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop.csv.gz"
    file.write_bytes(b"")
    assert main(["backtest", str(file), "--data", str(tmp_path / "data")]) == EXIT_FAILED
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "shop.csv.gz" in told and "rees46, segment, taobao" in told
    assert not (tmp_path / "data").exists()


def test_a_backtest_says_what_it_assumed(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.csv"
    file.write_bytes(HEADER + b"".join(ROWS))
    words = ["backtest", str(file), "--map", "taobao", "--data", str(data), "--assume-addresses", "--assume-consent"]
    assert main(words) == EXIT_DONE
    assert capsys.readouterr().out.startswith("A rehearsal offline: addresses and consent assumed\n")
    assert main([*words, "--json"]) == EXIT_DONE
    assert json.loads(capsys.readouterr().out)["assumed"] == ["addresses", "consent"]
