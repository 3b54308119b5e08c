"""Peers: how one is started, asked and ended, and every comparison once with a little of everything."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.benchmarks import peer
from loadtests.benchmarks.peer import PeerMissing, started

SCRIPT = """\
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
import json, os, sys
print(json.dumps({"environment": os.environ["GIVEN"], "argument": sys.argv[1]}), flush=True)
for line in sys.stdin:
    if json.loads(line) == {"end": True}:
        sys.exit(1)
    print(json.dumps({"heard": json.loads(line)}), flush=True)
"""

EXPECTED = {
    "trees": {"factored forest", "lgb.predict", "tl2cgen", "treelite GTIL", "lleaves"},
    "mlserver": {"Score, grpcio front", "Score, native front", "MLServer"},
    "feast": {"Score, grpcio front", "Score, native front", "Feast on Redis", "Feast on SQLite"},
    "replay": {"replay", "polars", "DuckDB"},
    "state-size": {"engine", "Redis hash"},
}


@pytest.fixture
def own_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the script `echoing`, locked."""
    monkeypatch.setattr(peer, "PEERS", tmp_path)
    (tmp_path / "echoing.py").write_text(SCRIPT)
    uv = shutil.which("uv") or next(iter(Path().glob(".tools/uv-*/bin/uv")), None)
    if uv is None:
        pytest.skip("there is no uv to make an environment with")
    subprocess.run([str(uv), "lock", "--quiet", "--script", str(tmp_path / "echoing.py")], check=True)
    return tmp_path


@pytest.mark.slow
def test_a_peer_speaks_answers_and_ends_with_the_block(own_peers: Path) -> None:
    with started("echoing", "word", GIVEN="value") as one:
        assert one.hear() == {"environment": "value", "argument": "word"}
        assert one.ask(number=3) == {"heard": {"number": 3}}
        os.kill(one.process_id, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(one.process_id, 0)


@pytest.mark.slow
def test_a_peer_that_ends_is_missing(own_peers: Path) -> None:
    with started("echoing", "word", GIVEN="value") as one:
        one.hear()
        for _ in range(2):
            with pytest.raises(PeerMissing, match="echoing ended; its message stands above"):
                one.ask(end=True)


def test_an_environment_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "PEERS", tmp_path)
    with pytest.raises(PeerMissing, match=r"the environment of absent\.py could not be made"), started("absent"):
        pass


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_comparison_runs_with_all_its_peers(name: str, tmp_path: Path) -> None:
    if os.environ.get("CI"):
        pytest.skip("the environments of peers are not made in CI")
    command = [
        sys.executable,
        "-m",
        "cart_recovery.cli",
        "loadtest",
        name,
        "--quick",
        "--json",
        "--data",
        str(tmp_path),
    ]
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    figures = result["figures"]
    assert all(value > 0 for figure in figures for value in figure["rounds"])
    assert {figure["side"] for figure in figures} | set(result["missing"]) == EXPECTED[name]
    assert len(result["ratios"]) == len(result["goals"]) or result["missing"]
    if result["missing"]:
        pytest.skip(f"peers are missing: {result['missing']}")
