"""Runs the Locust file against a running scorer in a process of its own, because gevent has to be there first."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from loadtests.verdict import EXIT_MISSED, Summary, render, with_summary

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True)
class LoadTest:
    """What to run."""

    host: str = "127.0.0.1:50051"
    users: int = 20
    """Nine storefronts to one checkout."""
    spawn_rate: float = 20.0
    run_seconds: int = 30
    slo_p99_ms: float | None = None
    """Above it, for any kind of call, the objective is missed."""
    report: Path | None = None
    """Where the HTML report goes."""
    server_pid: int | None = None
    metrics_url: str | None = None
    """A page with process_cpu_seconds_total, where the process is on another machine."""


@dataclass(frozen=True)
class Result:
    """What came out."""

    exit_code: int
    """0 all calls answered and the objective kept, 3 not, 1 Locust could not run."""
    text: str
    summary: Summary | None


def run(test: LoadTest) -> Result:
    """Runs the test to its end."""
    with tempfile.TemporaryDirectory() as temporary:
        summary_path = Path(temporary) / "summary.json"
        # Locust's own tables go to stderr: stdout is the caller's.
        process = subprocess.run(
            _command(test, summary_path), cwd=_LOCUSTFILE.parent.parent, stdout=sys.stderr.fileno(), check=False
        )
        if process.returncode not in (0, EXIT_MISSED) or not summary_path.exists():
            text = f"locust ended with exit code {process.returncode}; its message stands above"
            return Result(1, text, None)
        summary = Summary.from_json(json.loads(summary_path.read_text()))
    if test.report is not None:
        test.report.write_text(with_summary(test.report.read_text(), summary))
    return Result(process.returncode, render(summary), summary)


def _command(test: LoadTest, summary_path: Path) -> list[str]:
    command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless", "--only-summary"]
    command += ["--loglevel", "WARNING", "--host", test.host, "--summary", str(summary_path)]
    command += ["-u", str(test.users), "-r", str(test.spawn_rate), "-t", f"{test.run_seconds}s"]
    options = {
        "--slo-p99-ms": test.slo_p99_ms,
        "--html": test.report.resolve() if test.report is not None else None,
        "--server-pid": test.server_pid,
        "--metrics-url": test.metrics_url,
    }
    for name, value in options.items():
        if value is not None:
            command += [name, str(value)]
    return command
