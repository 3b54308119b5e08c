"""The parts of the benchmark: the echo answers what it should, and the report says what was measured."""

import tomllib
from pathlib import Path

import grpc

from loadtests.benchmarks.echo import METHOD
from loadtests.benchmarks.policies import write_policy
from loadtests.benchmarks.score_over_echo import Benchmark, Report, Round, Run, render
from loadtests.benchmarks.servers import echo
from loadtests.processor import cpu_of_process


def report() -> Report:
    """Three rounds of one run."""
    rounds = tuple(Round(score, 200.0, 150.0, 100.0) for score in (230.0, 260.0, 240.0))
    return Report(Benchmark(actions=(8,), rounds=3), {"cores": "2"}, "7", (Run(8, 120.0, 512, rounds),))


def test_the_echo_answers_so_many_bytes_from_a_process_of_its_own() -> None:
    with echo(797, threads=2) as server, grpc.insecure_channel(server.address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        assert call(b"x" * 547, timeout=10) == bytes(797)
        assert cpu_of_process(server.process_id)() >= 0


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    assert report().runs[0].medians()["ratio"] == 1.2
    assert report().as_json()["runs"][0]["medians"]["score_p50_micros"] == 240.0


def test_the_report_names_protocol_figures_and_machine() -> None:
    assert render(report()).splitlines() == [
        "Score over an empty grpcio echo: 100,000 customers in memory, 300 trees of 31 leaves",
        "a model, one caller, calls in turns, median of 3 rounds of 1,000 calls",
        "",
        "actions   ratio   Score p50    echo p50   Score CPU    echo CPU    reply",
        "      8   1.200      240 µs      200 µs      150 µs      100 µs    512 B",
        "",
        "engine 7; cores 2",
    ]


def test_the_policy_has_as_many_candidates_as_asked_and_keeps_the_rest(tmp_path: Path) -> None:
    starter, target = tmp_path / "starter.toml", tmp_path / "policy.toml"
    starter.write_text(
        """
        version = "1 \\"quoted\\" ü"
        [company]
        hosts = ["shop.example"]
        [[company.quiet_hours]]
        start_minute = 5
        [[actions]]
        action_id = "reminder"
        delay_seconds = 60
        [[actions]]
        action_id = "offer"
        offer_id = "ten"
        """
    )
    write_policy(starter, target, 6)
    written, own = tomllib.loads(target.read_text()), tomllib.loads(starter.read_text())
    assert [action.get("delay_seconds") for action in written["actions"]] == [60, 0, 3660, 3600, 7260]
    assert written["actions"][3]["offer_id"] == "ten"
    assert len({action["action_id"] for action in written["actions"]}) == 5
    assert written["version"] == own["version"]
    assert written["company"] == own["company"] | {"holdout_basis_points": 0}
