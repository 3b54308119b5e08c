"""The benchmark of both fronts: every server is measured, and the tonic echo answers what it should."""

import json
import shutil
from pathlib import Path

import grpc
import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE
from loadtests.benchmarks.echo import METHOD
from loadtests.benchmarks.servers import tonic_echo
from loadtests.processor import cpu_of_process


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("cargo") is None, reason="the tonic echo is built from its source")
def test_every_server_is_called_alone_and_in_flight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loadtest", "fronts", "--quick", "--data", str(tmp_path), "--json"]) == EXIT_DONE
    report = json.loads(capsys.readouterr().out)
    names = {"p50, one caller", "CPU per decision, 32 in flight", "CPU per dry run, 32 in flight"}
    sides = {"grpcio", "native", "grpcio echo", "tonic echo"}
    figures = {(figure["side"], figure["name"]): figure["rounds"] for figure in report["figures"]}
    assert set(figures) == {(side, name) for side in sides for name in names}
    assert all(one > 0 for side in sides for one in figures[side, "p50, one caller"])
    assert len(report["ratios"]) == 5


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("cargo") is None, reason="the tonic echo is built from its source")
def test_the_tonic_echo_answers_so_many_bytes_from_a_process_of_its_own() -> None:
    with tonic_echo(797, profile="dev") as server, grpc.insecure_channel(server.address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        assert call(b"x" * 547, timeout=10) == bytes(797)
        assert cpu_of_process(server.process_id)() >= 0
