"""The benchmark of both fronts: the tonic echo answers what it should, and the report says what was measured."""

import shutil

import grpc
import pytest

from loadtests.benchmarks.echo import METHOD
from loadtests.benchmarks.fronts import Benchmark, Figures, Report, render
from loadtests.benchmarks.servers import tonic_echo
from loadtests.processor import cpu_of_process


def report() -> Report:
    """Three rounds."""

    def one(factor: float) -> dict[str, Figures]:
        return {
            "grpcio": Figures(240.0 * factor, 300.0, 200.0),
            "native": Figures(100.0, 60.0, 20.0 * factor),
            "grpcio echo": Figures(200.0, 150.0, 160.0),
            "tonic echo": Figures(80.0, 14.0, 10.0),
        }

    rounds = tuple(map(one, (1.0, 0.9, 1.2)))
    return Report(Benchmark(rounds=3), {"cores": "2"}, "7", 797, rounds)


def test_ratios_are_those_of_each_round() -> None:
    ratios = report().ratios()
    assert ratios["native over its echo, CPU per dry run"] == pytest.approx((1.8, 2.0, 2.4))
    assert ratios["grpcio over its echo, p50"] == pytest.approx((1.08, 1.2, 1.44))
    assert report().as_json()["medians"]["native"]["dry_cpu_micros"] == 20.0


def test_the_report_names_protocol_figures_and_machine() -> None:
    assert render(report()).splitlines() == [
        "Both fronts: 100,000 customers in memory, 32 actions,",
        "300 trees of 31 leaves a model, replies of 797 bytes,",
        "median of 3 rounds of 1,000 calls",
        "",
        "               p50, one caller   CPU, 32 in flight   of dry runs",
        "grpcio                  240 µs            300.0 µs      200.0 µs",
        "native                  100 µs             60.0 µs       20.0 µs",
        "grpcio echo             200 µs            150.0 µs      160.0 µs",
        "tonic echo               80 µs             14.0 µs       10.0 µs",
        "",
        "                                           least  median    most",
        "grpcio over its echo, p50                  1.080   1.200   1.440",
        "native over its echo, p50                  1.250   1.250   1.250",
        "native over its echo, CPU per dry run      1.800   2.000   2.400",
        "native over grpcio, CPU per dry run        0.090   0.100   0.120",
        "native over grpcio, CPU per decision       0.200   0.200   0.200",
        "",
        "engine 7; cores 2",
    ]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("cargo") is None, reason="the tonic echo is built from its source")
def test_the_tonic_echo_answers_so_many_bytes_from_a_process_of_its_own() -> None:
    with tonic_echo(797, profile="dev") as server, grpc.insecure_channel(server.address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        assert call(b"x" * 547, timeout=10) == bytes(797)
        assert cpu_of_process(server.process_id)() >= 0
