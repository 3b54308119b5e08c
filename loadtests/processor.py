"""CPU time that a server process has used so far, by its id or from its metrics page."""

import time
import urllib.request
from collections.abc import Callable

CpuClock = Callable[[], float]
"""Answers the CPU seconds of a process so far, user and system together."""

_SCHEDULER_CLOCK = 2
_PAGE_METRIC = "process_cpu_seconds_total"
_PAGE_TIMEOUT_SECONDS = 2.0


class CpuUnknown(Exception):
    """The process is gone, or its page does not show its CPU time."""


def cpu_of_process(process_id: int) -> CpuClock:
    """Reads the CPU clock of another process: its number is Linux's (clock_getcpuclockid(3)), its resolution far finer
    than the ticks of `/proc`."""
    clock = (~process_id << 3) | _SCHEDULER_CLOCK

    def read() -> float:
        try:
            return time.clock_gettime(clock)
        except OSError as error:
            raise CpuUnknown(f"there is no process {process_id}") from error

    return read


def cpu_of_page(metrics_url: str) -> CpuClock:
    """Reads process_cpu_seconds_total of a Prometheus page."""

    def read() -> float:
        return metric(metrics_url, _PAGE_METRIC)

    return read


def metric(metrics_url: str, name: str) -> float:
    """One metric without labels of a Prometheus page; raises CpuUnknown where it is missing."""
    if not metrics_url.startswith(("http://", "https://")):
        raise CpuUnknown(f"{metrics_url} is no http address")
    try:
        with urllib.request.urlopen(metrics_url, timeout=_PAGE_TIMEOUT_SECONDS) as page:  # noqa: S310 (checked above)
            text = page.read().decode()
    except OSError as error:
        raise CpuUnknown(f"the page {metrics_url} is out of reach: {error}") from error
    for line in text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise CpuUnknown(f"the page {metrics_url} does not show {name}")
