"""The gRPC front: bytes from the wire go straight into the engine, and its bytes straight back.

Python parses nothing on Track, Score, Confirm and Explain; of TrackStream it opens the envelope of each message only.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, Protocol

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import code_pb2
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from cart_recovery.v1 import event_pb2, scoring_pb2
from pyserver import refusals
from pyserver.metrics import CallMetrics
from pyserver.streams import BoundedStream, Places
from rust_features import Refused

EVENT_SERVICE = event_pb2.DESCRIPTOR.services_by_name["EventService"].full_name
"""Full name of the service that takes events."""

SCORING_SERVICE = scoring_pb2.DESCRIPTOR.services_by_name["ScoringService"].full_name
"""Full name of the service that decides."""

MAX_REQUEST_BYTES = 1 << 20
"""A larger request is refused by gRPC itself with RESOURCE_EXHAUSTED."""

_QUEUED_CALLS_PER_THREAD = 8
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_log = structlog.get_logger()

Call = Callable[[bytes], bytes]


class Calls(Protocol):
    """The part of the engine that answers requests."""

    def track(self, request: bytes) -> bytes:
        """TrackRequest in, TrackResponse out."""

    def score(self, request: bytes) -> bytes:
        """ScoreRequest in, ScoreResponse out."""

    def confirm(self, request: bytes) -> bytes:
        """ConfirmRequest in, ConfirmResponse out."""

    def explain(self, request: bytes) -> bytes:
        """ExplainRequest in, ExplainResponse out."""


class ScorerServer:
    """One listening gRPC server over one engine."""

    def __init__(self, engine: Calls, *, address: str, threads: int, metrics: CallMetrics) -> None:
        """Binds `address`; raises RuntimeError where it cannot.

        At most a quarter of `threads` serve streams, reflection's included, so that open streams always leave threads
        for calls. Watchers of health, at most as many as `threads`, hold threads of their own. One stream or watcher
        more is refused at once with RESOURCE_EXHAUSTED and REASON_TOO_MANY_WAITERS.
        """
        self._engine = engine
        self._metrics = metrics
        self._streams = Places(max(1, threads // 4))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="grpc")
        self._watchers = Places(threads)
        # One thread more than places, so that the watcher without a place is told so.
        self._watcher_pool = ThreadPoolExecutor(threads + 1, thread_name_prefix="watch")
        self._server = grpc.server(
            self._pool,
            options=[("grpc.max_receive_message_length", MAX_REQUEST_BYTES), ("grpc.so_reuseport", 0)],
            maximum_concurrent_rpcs=threads * _QUEUED_CALLS_PER_THREAD,
        )
        self._health = health.HealthServicer()
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    EVENT_SERVICE,
                    {
                        "Track": self._unary("Track", engine.track),
                        "TrackStream": grpc.stream_stream_rpc_method_handler(
                            BoundedStream("TrackStream", self._track_stream, self._streams, metrics)
                        ),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    SCORING_SERVICE,
                    {
                        "Score": self._unary("Score", engine.score),
                        "Confirm": self._unary("Confirm", engine.confirm),
                        "Explain": self._unary("Explain", engine.explain),
                    },
                ),
                self._health_service(),
                self._reflection_service(),
            )
        )
        self.port = self._server.add_insecure_port(address)
        """The port in use."""

    def start(self) -> None:
        """Accepts calls: events at once, scoring only after `set_scoring(True)` as far as health says."""
        self._health.set(EVENT_SERVICE, _SERVING)
        self.set_scoring(serving=False)
        self._server.start()

    def set_scoring(self, *, serving: bool) -> None:
        """Tells health whether decisions can be taken; the server as a whole serves where all its services do."""
        status = _SERVING if serving else _NOT_SERVING
        self._health.set(SCORING_SERVICE, status)
        self._health.set("", status)

    def stop(self, *, grace_seconds: float) -> None:
        """Says NOT_SERVING, accepts no new call and waits for the running ones, at most so long."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_seconds).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._watcher_pool.shutdown(wait=False, cancel_futures=True)

    def _health_service(self) -> grpc.GenericRpcHandler:
        # Left to itself, the servicer writes to all watchers under the lock that Check needs: one that does not read
        # would keep every Check waiting. A thread for each watcher lets it wait alone.
        watch = BoundedStream("Watch", self._health.Watch, self._watchers, self._metrics, pool=self._watcher_pool)
        codec = {
            "request_deserializer": health_pb2.HealthCheckRequest.FromString,
            "response_serializer": health_pb2.HealthCheckResponse.SerializeToString,
        }
        return grpc.method_handlers_generic_handler(
            health.SERVICE_NAME,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._health.Check, **codec),
                "Watch": grpc.unary_stream_rpc_method_handler(watch, **codec),
            },
        )

    def _reflection_service(self) -> grpc.GenericRpcHandler:
        names = (EVENT_SERVICE, SCORING_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        method = "ServerReflectionInfo"
        answer = reflection.ReflectionServicer(names).ServerReflectionInfo
        return grpc.method_handlers_generic_handler(
            reflection.SERVICE_NAME,
            {
                method: grpc.stream_stream_rpc_method_handler(
                    BoundedStream(method, answer, self._streams, self._metrics),
                    request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
                    response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
                )
            },
        )

    def _unary(self, method: str, call: Call) -> "grpc.RpcMethodHandler[bytes, bytes]":
        measured = self._measured(method, call)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if not context.is_active():
                # The caller gave up while the call waited for a thread.
                context.abort(grpc.StatusCode.CANCELLED, "the caller is gone")
            try:
                return measured(request)
            except Refused as refused:
                refusals.abort(context, refused)
            except Exception:
                _abort_failed(method, context)

        return grpc.unary_unary_rpc_method_handler(answer)

    def _measured(self, method: str, call: Call) -> Call:
        record = self._metrics.durations[method].record
        clock = time.perf_counter_ns
        refused_count = self._metrics.refused

        def measured(request: bytes) -> bytes:
            start = clock()
            try:
                return call(request)
            except Refused as refused:
                refused_count(method, refused.reason)
                raise
            except Exception:
                raise
            except BaseException as error:
                # A panic of the engine is no Exception, and gRPC would leave its caller without an answer.
                raise RuntimeError("the engine panicked") from error
            finally:
                record(clock() - start)

        return measured

    def _track_stream(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        track = self._measured("TrackStream", self._engine.track)
        for request in requests:
            try:
                answer = _streamed(track, request)
            except Exception:
                _abort_failed("TrackStream", context)
            yield answer.SerializeToString()


def _abort_failed(method: str, context: grpc.ServicerContext) -> NoReturn:
    """Ends a call that met a fault of ours: the log has the traceback, the caller a plain status."""
    _log.exception("call failed", method=method)
    context.abort(grpc.StatusCode.INTERNAL, "the scorer failed on this call; its log says why")


def _streamed(track: Call, request: bytes) -> event_pb2.TrackStreamResponse:
    """Tracks one event of a stream; a refused one does not end the stream."""
    try:
        inner = event_pb2.TrackStreamRequest.FromString(request).track.SerializeToString()
    except DecodeError:
        message = "the bytes are not a TrackStreamRequest; check the client's contract version"
        rejection = event_pb2.Rejection(code=code_pb2.INVALID_ARGUMENT, message=message)
        return event_pb2.TrackStreamResponse(rejected=rejection)
    try:
        return event_pb2.TrackStreamResponse(accepted=event_pb2.TrackResponse.FromString(track(inner)))
    except Refused as refused:
        return event_pb2.TrackStreamResponse(rejected=refusals.rejection(refused))
