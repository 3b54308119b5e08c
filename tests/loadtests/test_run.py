"""The load test against a real gRPC server in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cart_recovery.addresses import free_address
from cart_recovery.cli import main
from cart_recovery.exits import EXIT_FAILED
from loadtests.run import LoadTest, run

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def peer() -> Iterator[tuple[str, int]]:
    """Address and process id of a server that takes Track and Score."""
    command = [sys.executable, "-m", "tests.loadtests.peer"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}", process.pid
        process.stdin.close()


def test_a_generous_objective_is_met_and_reported(peer: tuple[str, int], tmp_path: Path) -> None:
    host, process_id = peer
    report = tmp_path / "report.html"
    result = run(LoadTest(host=host, run_seconds=3, slo_p99_ms=2_000, report=report, server_pid=process_id))
    summary = result.summary
    assert result.exit_code == 0 and summary is not None and summary.met
    assert {each.name for each in summary.calls if each.calls > 0} == {"Track", "Score"}
    assert summary.server_cpu_micros_per_call is not None and summary.server_cpu_micros_per_call > 0
    assert "server CPU per call" in report.read_text() and "Locust" in report.read_text()


def test_a_missed_objective_sets_the_exit_code(peer: tuple[str, int]) -> None:
    result = run(LoadTest(host=peer[0], run_seconds=2, slo_p99_ms=0.001))
    summary = result.summary
    assert result.exit_code == 3 and summary is not None and not summary.met
    assert summary.server_cpu_micros_per_call is None and summary.server_cpu_missing


def test_a_server_that_is_away_misses_without_an_objective() -> None:
    result = run(LoadTest(host="127.0.0.1:1", users=2, run_seconds=2))
    summary = result.summary
    assert result.exit_code == 3 and summary is not None
    assert sum(each.failures for each in summary.calls) > 0


def test_no_scorer_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = free_address()
    monkeypatch.setenv("CART_RECOVERY_SCORER_ADDRESS", address)
    assert main(["loadtest", "run", "--data", str(tmp_path)]) == EXIT_FAILED
    assert f"no scorer answers at {address}" in capsys.readouterr().err
