"""The processes a benchmark measures: started together in a temporary directory, stopped together."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from cart_recovery.addresses import free_address
from cart_recovery.die_with_parent import mortal
from loadtests.processor import CpuUnknown, metric

FRONTS = ("grpcio", "native")
"""Of the scorer, as its setting names them."""

_SCORING = "cart_recovery.v1.ScoringService"
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_REST_SECONDS = 600.0
_POLL_SECONDS = 0.2
_ANY_TIME_MS = 10_000.0
"""The longest objective there is: a scorer that is compared refuses no call, however busy the machine is."""


class NotServing(Exception):
    """A server did not come up; its own log says why."""


@dataclass(frozen=True)
class Server:
    """A running server process."""

    address: str
    process_id: int
    metrics_url: str = ""


@contextmanager
def scorer(
    data_directory: Path, threads: int, *, front: str = "grpcio", objective_ms: float = _ANY_TIME_MS
) -> Iterator[Server]:
    """`cart-recovery serve` with an embedded nats-server, once it answers Score; `objective_ms` is the setting of that
    name. Raises NotServing."""
    address, metrics_address = free_address(), free_address()
    settings = {
        "CART_RECOVERY_DATA_DIRECTORY": str(data_directory),
        "CART_RECOVERY_SCORER_ADDRESS": address,
        "CART_RECOVERY_METRICS_ADDRESS": metrics_address,
        "CART_RECOVERY_THREADS": str(threads),
        "CART_RECOVERY_FRONT": front,
        "CART_RECOVERY_LOG_LEVEL": "warning",
        "CART_RECOVERY_OBJECTIVE_MS": str(objective_ms),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CART_RECOVERY_")}
    command = [sys.executable, "-m", "cart_recovery.cli", "serve"]
    process = subprocess.Popen(mortal(command), env=inherited | settings, cwd=data_directory)
    try:
        _await_serving(address, process)
        yield Server(address, process.pid, f"http://{metrics_address}/metrics")
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _await_serving(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    with grpc.insecure_channel(address) as channel:
        while process.poll() is None and time.monotonic() < end:
            watch = HealthStub(channel).Watch(HealthCheckRequest(service=_SCORING), timeout=_START_SECONDS)
            try:
                if any(each.status == HealthCheckResponse.SERVING for each in watch):
                    return
            except grpc.RpcError:
                # The port is not open yet.
                time.sleep(_POLL_SECONDS)
    raise NotServing(f"the scorer at {address} does not serve; its log stands above")


def echo(reply_bytes: int, threads: int) -> AbstractContextManager[Server]:
    """The empty grpcio echo in a process of its own."""
    return _echo([sys.executable, "-m", "loadtests.benchmarks.echo", str(reply_bytes), str(threads)])


def tonic_echo(reply_bytes: int, *, profile: str = "release") -> AbstractContextManager[Server]:
    """The empty tonic echo in a process of its own, built first. Raises NotServing where it cannot be built."""
    return _echo([built("--bin", "cart-recovery-echo", profile=profile), str(reply_bytes)])


def built(*what: str, profile: str) -> str:
    """The path of a Rust program of ours that no package holds, by Cargo's options and its profile. Raises NotServing
    where it cannot be built."""
    manifest = Path(__file__).parents[2] / "rust_features" / "Cargo.toml"
    command = ["cargo", "build", "--locked", "--profile", profile, "--quiet", "--message-format", "json"]
    # With the features of the whole workspace, so that what its tests have built need not be built anew.
    command += ["--manifest-path", str(manifest), "--workspace", *what]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotServing(f"{what[-1]} needs the source tree and Rust: {error}") from None
    programs = (json.loads(line).get("executable") for line in done.stdout.splitlines())
    program: str = next(program for program in programs if program)
    return program


@contextmanager
def _echo(command: list[str]) -> Iterator[Server]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise NotServing("the echo has no pipes")
        port = process.stdout.readline()
        if not port:
            raise NotServing("the echo ended before it listened")
        try:
            yield Server(f"127.0.0.1:{int(port)}", process.pid)
        finally:
            process.stdin.close()


def await_rest(server: Server) -> None:
    """Waits until everything spooled is in the journal and folded. Raises NotServing."""
    end = time.monotonic() + _REST_SECONDS
    while time.monotonic() < end:
        try:
            spooled = metric(server.metrics_url, "cart_recovery_spool_depth_messages")
            folded = metric(server.metrics_url, "cart_recovery_folded_sequence")
            if spooled == 0 and folded >= metric(server.metrics_url, "cart_recovery_journal_sequence"):
                return
        except CpuUnknown as error:
            raise NotServing(str(error)) from error
        time.sleep(_POLL_SECONDS)
    raise NotServing("the scorer's spool did not empty")
