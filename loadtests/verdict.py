"""What a load test measured, whether it kept its objective, and both as text, JSON and HTML."""

import html
from dataclasses import asdict, dataclass
from typing import Any

EXIT_MISSED = 3
"""Exit code of a run that missed its objective or had a failed call; Locust's own faults end with 1."""


@dataclass(frozen=True)
class CallFigures:
    """One kind of call. Failed calls count in both numbers and in the latencies."""

    name: str
    calls: int
    failures: int
    p50_micros: float
    p99_micros: float


@dataclass(frozen=True)
class Summary:
    """A whole run."""

    seconds: float
    calls: tuple[CallFigures, ...]
    server_cpu_micros_per_call: float | None
    server_cpu_missing: str
    """Why the server's CPU time is unknown; empty where it is known."""
    slo_p99_ms: float | None

    @property
    def met(self) -> bool:
        """Every call was made and answered, and no kind of call was slower than the objective."""
        if any(each.failures for each in self.calls) or not all(each.calls for each in self.calls):
            return False
        return self.slo_p99_ms is None or all(each.p99_micros <= self.slo_p99_ms * 1_000 for each in self.calls)

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "met": self.met}

    @staticmethod
    def from_json(plain: dict[str, Any]) -> "Summary":
        """The reverse of `as_json`."""
        fields = {key: value for key, value in plain.items() if key != "met"}
        return Summary(**{**fields, "calls": tuple(CallFigures(**each) for each in plain["calls"])})


def render(summary: Summary) -> str:
    """The summary as a terminal table."""
    rows = [f"{'call':<8}{'calls':>10}{'per s':>10}{'failed':>9}{'p50 ms':>10}{'p99 ms':>10}"]
    rows += [
        f"{each.name:<8}{each.calls:>10,}{each.calls / summary.seconds:>10,.0f}{each.failures:>9,}"
        f"{each.p50_micros / 1000:>10.3f}{each.p99_micros / 1000:>10.3f}"
        for each in summary.calls
    ]
    rows.append(f"server CPU per call: {_cpu(summary)}")
    if summary.slo_p99_ms is not None:
        rows.append(f"objective p99 ≤ {summary.slo_p99_ms:g} ms, no failures: {'met' if summary.met else 'MISSED'}")
    return "\n".join(rows)


def _cpu(summary: Summary) -> str:
    if summary.server_cpu_micros_per_call is None:
        return f"unavailable ({summary.server_cpu_missing})"
    return f"{summary.server_cpu_micros_per_call:,.0f} µs"


def with_summary(report: str, summary: Summary) -> str:
    """Locust's HTML report with the summary above it."""
    section = f"<pre style='padding:1em;font-size:14px'>{html.escape(render(summary))}</pre>"
    head, body, rest = report.partition("<body>")
    return f"{head}{body}{section}{rest}" if body else section + report
