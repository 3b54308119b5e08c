"""Score against a general model server: MLServer with the same LightGBM model over gRPC, as many rows in a request as
Score weighs actions.

The peer is sent every feature and evaluates one model. A Score finds the features in its state, evaluates two models,
decides, and journals the decision; relay and feed run all the while.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import lightgbm
import numpy as np

import rust_features
from cart_recovery.addresses import free_port
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured
from loadtests.benchmarks.load import Caller
from loadtests.benchmarks.machine import machine, today
from loadtests.benchmarks.peer import PeerMissing, started
from loadtests.benchmarks.servers import FRONTS, Server, await_rest
from loadtests.benchmarks.serving import serving, side
from loadtests.benchmarks.trees import TreeModel
from loadtests.processor import cpu_of_process

PEER = "MLServer"
RATE, CPU, P50 = "calls a second, 32 in flight", "server CPU per call, 32 in flight", "p50, one caller"
_IN_FLIGHT = 32
_START_SECONDS = 180.0
_POLL_SECONDS = 0.5
_QUIET = {name: {"level": "WARNING"} for name in ("mlserver", "uvicorn")}
_PEER_METHOD = "/inference.GRPCInferenceService/ModelInfer"
_GOALS = {"grpcio": 10.0, "native": 50.0}
"""Rate over the peer's, by front."""
_REASON = (
    "The goals leave a call less processor time than an empty echo of grpcio or of tonic takes (`cart-recovery "
    "loadtest fronts`), and behind a decision relay and feed write and fold its journal."
)


@dataclass(frozen=True)
class Calls:
    """How much to call, in each round."""

    rounds: int = 5
    in_flight: int = 4_000
    """Calls of each front with 32 in flight; the peer gets an eighth."""
    alone: int = 400
    """Calls of each server one after the other."""

    @property
    def of_front(self) -> int:
        """Calls of one front altogether, with a round to warm up."""
        return (self.rounds + 1) * (self.in_flight + self.alone)


class _Side:
    """One server under load, and its figures so far."""

    def __init__(self, name: str, server: Server, caller: Caller, requests: Iterator[bytes], in_flight: int) -> None:
        self.name = name
        self.server = server
        self.caller = caller
        self._requests = requests
        self._in_flight = in_flight
        self.rates: list[float] = []
        self.cpu_micros: list[float] = []
        self.p50_micros: list[float] = []

    def run(self, alone: int) -> None:
        """One round."""
        self.p50_micros.append(self.caller.p50_micros(self._take(alone)))
        batch = self._take(self._in_flight)
        self._rest()
        clock = cpu_of_process(self.server.process_id)
        before = clock()
        self.rates.append(self.caller.calls_per_second(batch, _IN_FLIGHT))
        # The journal's share of the work is not over with the last reply.
        self._rest()
        self.cpu_micros.append((clock() - before) * 1e6 / len(batch))

    def figures(self) -> Iterator[Figure]:
        """Without the round that warmed up."""
        yield Figure(self.name, RATE, "/s", tuple(self.rates[1:]))
        yield Figure(self.name, CPU, "µs", tuple(self.cpu_micros[1:]))
        yield Figure(self.name, P50, "µs", tuple(self.p50_micros[1:]))

    def _take(self, count: int) -> list[bytes]:
        return [next(self._requests) for _ in range(count)]

    def _rest(self) -> None:
        if self.server.metrics_url:
            await_rest(self.server)


def measure(model: TreeModel, data_directory: Path, *, calls: Calls, progress: Callable[[str], None]) -> Comparison:
    """`data_directory` holds keys and an active bundle with the model. Raises NotServing or Unmeasured."""
    actions = len(model.actions)
    missing, versions = {}, {"engine": rust_features.ENGINE_VERSION}
    with ExitStack() as stack:
        sides = []
        for name in FRONTS:
            front = stack.enter_context(
                serving(name, data_directory, calls=calls.of_front, customers=0, actions=actions, progress=progress)
            )
            sides.append(_Side(front.name, front.server, front.caller, front.requests, calls.in_flight))
        try:
            progress("MLServer starts")
            peer, version = stack.enter_context(_mlserver(model, calls))
            sides.append(peer)
            versions["mlserver"] = version
        except PeerMissing as error:
            missing[PEER] = str(error)
        for number in range(calls.rounds + 1):
            for one in sides:
                one.run(calls.alone)
            progress(f"round {number} of {calls.rounds}" if number else "warmed up")
    return Comparison(
        name="mlserver",
        title=f"Score against a model server, {actions} candidates",
        setting=(
            f"The same model in both. MLServer gets {actions} rows of {model.rows().shape[1]} features in each request "
            "(raw_input_contents) and evaluates one model in its gRPC process, LightGBM with one thread. Score gets a "
            "customer and a cart, reads the features from its state, evaluates two models, decides and journals the "
            f"decision. Bursts of {calls.in_flight:,} calls ({calls.in_flight // 8:,} for MLServer); the caller is a "
            "process of this machine, too, whose own limit a fast front meets. The CPU of Score is that of the scorer, "
            "without its nats-server."
        ),
        date=today(),
        machine=machine(),
        versions=versions,
        figures=tuple(figure for one in sides for figure in one.figures()),
        goals=tuple(Goal(RATE, side(one), PEER, _GOALS[one], at_least=True, reason=_REASON) for one in FRONTS),
        missing=missing,
    )


@contextmanager
def _mlserver(model: TreeModel, calls: Calls) -> Iterator[tuple[_Side, str]]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ports = [free_port() for _ in range(3)]
        _write_settings(folder, model.text, ports)
        rows = model.rows()
        np.save(folder / "rows.npy", rows)
        # One thread: more of them only get into each other's way over so few rows.
        environment = {"OMP_NUM_THREADS": "1"}
        with started("mlserver_model", folder, folder / "rows.npy", len(model.actions), **environment) as peer:
            said = peer.hear()
            requests = _parts((folder / "requests").read_bytes(), said["request_bytes"])
            with grpc.insecure_channel(f"127.0.0.1:{ports[1]}") as channel:
                caller = Caller(channel, _PEER_METHOD)
                _require_same(_first_reply(caller, requests[0]), model)
                server = Server(f"127.0.0.1:{ports[1]}", peer.process_id)
                yield _Side(PEER, server, caller, _again(requests), calls.in_flight // 8), said["version"]


def _write_settings(folder: Path, text: Path, ports: Sequence[int]) -> None:
    http, grpc_port, metrics = ports
    # Without workers of its own the gRPC process evaluates the model itself: nothing is handed on.
    server = {
        "host": "127.0.0.1",
        "http_port": http,
        "grpc_port": grpc_port,
        "metrics_port": metrics,
        "parallel_workers": 0,
        # Or it logs every call, which is no part of its work.
        "logging_settings": {"version": 1, "disable_existing_loggers": False, "loggers": _QUIET},
    }
    (folder / "settings.json").write_text(json.dumps(server))
    effect = folder / "effect"
    effect.mkdir()
    shutil.copyfile(text, effect / "model.txt")
    settings = {
        "name": "effect",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "./model.txt"},
    }
    (effect / "model-settings.json").write_text(json.dumps(settings))


def _first_reply(caller: Caller, request: bytes) -> bytes:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            return caller(request)
        except grpc.RpcError as error:
            if time.monotonic() > end:
                raise PeerMissing(f"MLServer does not answer within {_START_SECONDS:g} s: {error}") from None
            time.sleep(_POLL_SECONDS)


def _require_same(reply: bytes, model: TreeModel) -> None:
    booster = lightgbm.Booster(model_file=str(model.text))
    expected = np.asarray(booster.predict(model.rows()[: len(model.actions)], num_threads=1), dtype="<f8")
    if expected.tobytes() not in reply:
        raise Unmeasured("MLServer answers other predictions than the model gives")


def _parts(joined: bytes, length: int) -> list[bytes]:
    return [joined[start : start + length] for start in range(0, len(joined), length)]


def _again(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests
