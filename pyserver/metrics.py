"""Prometheus metrics: the engine's gauges and counters read at scrape time, and what the gRPC front measured."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rust_features import CallMetrics, EngineStatus

BOUNDS_SECONDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0)
"""Upper bounds of the published histograms."""


class ScorerCollector(Collector):
    """Turns one reading of the engine into metric families."""

    def __init__(self, status: Callable[[], EngineStatus], calls: CallMetrics) -> None:
        self._status = status
        self._calls = calls

    def describe(self) -> list[Metric]:
        """Nothing: the engine is not asked before it is started."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families at this moment."""
        yield from _engine_families(self._status())
        duration = HistogramMetricFamily(
            "cart_recovery_call_duration_seconds",
            "Time in the engine per gRPC call or streamed event.",
            labels=["method"],
        )
        for method, histogram in self._calls.durations().items():
            counts = histogram.cumulative(BOUNDS_SECONDS)
            buckets = [(str(bound), float(count)) for bound, count in zip(BOUNDS_SECONDS, counts, strict=True)]
            duration.add_metric([method], [*buckets, ("+Inf", float(histogram.count))], histogram.sum_seconds)
        yield duration
        refusals = CounterMetricFamily(
            "cart_recovery_calls_refused", "Refused calls and streamed events.", labels=["method", "reason"]
        )
        for (method, reason), count in self._calls.refusals().items():
            refusals.add_metric([method, reason], count)
        yield refusals
        failures = CounterMetricFamily(
            "cart_recovery_calls_failed", "Calls that met a fault of the scorer itself.", labels=["method"]
        )
        for method, count in self._calls.failures().items():
            failures.add_metric([method], count)
        yield failures


def _engine_families(status: EngineStatus) -> Iterator[Metric]:
    gauges = {
        "folded_sequence": (status.folded_sequence, "Journal sequence of the state."),
        "journal_sequence": (status.journal_sequence, "Last sequence of the journal as last heard of."),
        "caught_up": (status.caught_up, "1 where the state has reached the journal's end as of the connection."),
        "connected": (status.connected, "1 while NATS is connected."),
        "failed": (status.failure is not None, "1 where relay or feed stopped for good."),
        "state_age_seconds": (status.state_age_seconds, "Time since the state last advanced."),
        "spool_depth_messages": (
            status.spool_depth_messages,
            "Messages spooled and not yet in the journal, and an earlier start's last file until it is removed.",
        ),
        "spool_depth_bytes": (
            status.spool_depth_bytes,
            "Bytes of the spool on disk, where segments are deleted as a whole.",
        ),
        "customers": (status.customers, "Customer records in the state."),
        "carts": (status.carts, "Carts in the state."),
        "decisions": (status.decisions, "Decisions in the state."),
        "snapshot_sequence": (status.snapshot_sequence or 0, "Sequence of the newest snapshot, 0 before the first."),
        "snapshot_failed": (status.snapshot_failure is not None, "1 where the last snapshot was not written."),
    }
    for name, (value, meaning) in gauges.items():
        yield GaugeMetricFamily(f"cart_recovery_{name}", meaning, value=float(value))
    bundle = GaugeMetricFamily("cart_recovery_bundle_active", "1 for the active bundle.", labels=["bundle_id"])
    if status.bundle_id is not None:
        bundle.add_metric([status.bundle_id], 1.0)
    yield bundle
    for name, count in status.counters.items():
        yield CounterMetricFamily(f"cart_recovery_{name}", "Count of the engine since its start.", value=count)


class MetricsPage:
    """The page that Prometheus reads."""

    def __init__(self, collector: ScorerCollector, *, host: str, port: int) -> None:
        registry = CollectorRegistry()
        registry.register(collector)
        ProcessCollector(registry=registry)
        self._server, self._thread = start_http_server(port, addr=host, registry=registry)

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self._server.server_port)

    def stop(self) -> None:
        """Closes the page."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
