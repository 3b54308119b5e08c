"""The latency histogram: exact counts, quantiles within an eighth, also with many threads."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rust_features import LatencyHistogram


@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_quantile_is_never_too_low_and_at_most_an_eighth_too_high(durations: list[int], share: float) -> None:
    histogram = LatencyHistogram()
    for nanos in durations:
        histogram.record(nanos)
    rank = max(1, -(-share * len(durations) // 1))
    exact = sorted(durations)[int(rank) - 1]
    quantile = histogram.quantile_seconds(share)
    assert quantile is not None
    assert exact <= quantile * 1e9 * (1 + 1e-9)
    assert quantile * 1e9 <= exact * 9 / 8 + 1.001


@given(st.lists(st.integers(0, 10**10), max_size=100), st.lists(st.floats(1e-6, 20), max_size=5).map(sorted))
def test_buckets_count_only_what_is_certainly_within(durations: list[int], bounds: list[float]) -> None:
    histogram = LatencyHistogram()
    for nanos in durations:
        histogram.record(nanos)
    counts = histogram.cumulative(bounds)
    assert counts == sorted(counts)
    assert all(
        count <= sum(nanos <= bound * 1e9 for nanos in durations) for bound, count in zip(bounds, counts, strict=True)
    )
    assert histogram.count == len(durations)
    assert histogram.sum_seconds == pytest.approx(sum(durations) / 1e9)


def test_no_count_is_lost_between_threads() -> None:
    histogram = LatencyHistogram()

    def record() -> None:
        for nanos in range(5_000):
            histogram.record(nanos)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert histogram.count == 40_000


def test_nothing_is_said_before_the_first_call() -> None:
    assert LatencyHistogram().quantile_seconds(0.5) is None
    assert LatencyHistogram().count == 0
