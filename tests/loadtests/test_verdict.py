"""The verdict of a load test and its texts."""

import os
import time

import pytest

from loadtests.processor import CpuUnknown, cpu_of_process
from loadtests.verdict import CallFigures, Summary, render, with_summary


def summary(*, p99_micros: float = 900.0, failures: int = 0, slo_p99_ms: float | None = 1.0) -> Summary:
    """A run of two kinds of call."""
    calls = (CallFigures("Track", 1_000, failures, 200.0, 400.0), CallFigures("Score", 100, 0, 250.0, p99_micros))
    return Summary(10.0, calls, 180.0, "", slo_p99_ms)


def test_the_slowest_kind_of_call_decides() -> None:
    assert summary().met
    assert not summary(p99_micros=1_001.0).met
    assert summary(p99_micros=1_001.0, slo_p99_ms=None).met


def test_a_failed_call_misses_the_objective() -> None:
    assert not summary(failures=1).met


def test_a_kind_of_call_that_was_never_made_misses_the_objective() -> None:
    calls = (CallFigures("Track", 1_000, 0, 200.0, 400.0), CallFigures("Score", 0, 0, 0.0, 0.0))
    assert not Summary(10.0, calls, None, "unknown", 1.0).met


def test_a_summary_survives_its_json() -> None:
    assert Summary.from_json(summary().as_json()) == summary()


def test_the_text_names_rates_latencies_cpu_and_objective() -> None:
    assert render(summary()).splitlines() == [
        "call         calls     per s   failed    p50 ms    p99 ms",
        "Track        1,000       100        0     0.200     0.400",
        "Score          100        10        0     0.250     0.900",
        "server CPU per call: 180 µs",
        "objective p99 ≤ 1 ms, no failures: met",
    ]


def test_the_summary_stands_first_in_the_report() -> None:
    report = with_summary("<html><body><p>rest</p></body></html>", summary())
    assert report.startswith("<html><body><pre") and report.endswith("<p>rest</p></body></html>")


def test_cpu_time_of_a_process_grows_while_it_works() -> None:
    read = cpu_of_process(os.getpid())
    start = read()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert 0.05 <= read() - start <= 1.0


def test_cpu_time_of_a_process_that_is_gone_is_unknown() -> None:
    with pytest.raises(CpuUnknown):
        cpu_of_process(2**22 + 1)()
