"""The gRPC front on grpcio's threads: bytes from the wire go straight into the engine, and its bytes straight back."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, Protocol

import grpc
import structlog
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import ReflectionServicer

from pyserver import reflection, refusals
from pyserver.callers import caller_of
from pyserver.reflection import EVENT_SERVICE, HEALTH_SERVICE, REFLECTION_SERVICES, SCORING_SERVICE
from pyserver.streams import BoundedStream, Slots
from pyserver.tls import Tls
from pyserver.turns import TurnPool
from rust_features import CallMetrics, CallQueue, Quota, Refused

MAX_REQUEST_BYTES = 1 << 20
"""A larger request is refused by gRPC itself with RESOURCE_EXHAUSTED."""

_QUEUED_CALLS_PER_THREAD = 64
"""So many that calls are refused for their age, with details; beyond, gRPC itself refuses without."""

_KEEPALIVE_MILLIS = 60_000
"""A peer that is gone without a word is noticed some time after so long."""

_LEAST_PING_MILLIS = 1_000
"""A client may ask so often whether the scorer is there, also without a call."""

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

    def track_streamed(self, request: bytes, quota: Quota, caller: str) -> tuple[bytes, str | None]:
        """TrackStreamRequest in; TrackStreamResponse out, and the reason where the event was refused."""


class GrpcioFront:
    """A grpcio server over one engine."""

    def __init__(
        self,
        engine: Calls,
        *,
        address: str,
        threads: int,
        streams: int,
        unseen_calls: int,
        calls: CallMetrics,
        queue: CallQueue,
        quota: Quota,
        tls: Tls | None = None,
    ) -> None:
        """Binds `address`; raises RuntimeError where it cannot.

        Of the `threads` at most `streams` serve streams, reflection's included, so that open streams always leave
        threads for calls. Watchers of health, at most as many as `threads`, hold threads of their own. One stream or
        watcher more is refused at once with RESOURCE_EXHAUSTED and REASON_TOO_MANY_WAITERS. At most `unseen_calls` wait
        in gRPC's core for Python; it ends those beyond, CANCELLED.
        """
        self._engine = engine
        self._metrics = calls
        self._durations = calls.durations()
        self._quota = quota
        self._streams = Slots(streams)
        self._pool = TurnPool(threads, name="grpc", queue=queue)
        self._watchers = Slots(threads)
        # One thread more than slots, so that the watcher without a slot is told so.
        self._watcher_pool = ThreadPoolExecutor(threads + 1, thread_name_prefix="watch")
        self._server = grpc.server(
            self._pool,
            options=[
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
                ("grpc.so_reuseport", 0),
                ("grpc.keepalive_time_ms", _KEEPALIVE_MILLIS),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_MILLIS),
                ("grpc.server.max_pending_requests", unseen_calls),
                ("grpc.server.max_pending_requests_hard_limit", unseen_calls),
            ],
            maximum_concurrent_rpcs=threads * _QUEUED_CALLS_PER_THREAD,
        )
        self._health = health.HealthServicer()
        self._server.add_generic_rpc_handlers(self._services())
        self.port = self._bind(address, tls)
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

    def _bind(self, address: str, tls: Tls | None) -> int:
        if tls is None:
            return self._server.add_insecure_port(address)
        certificate, key, client_ca = tls
        credentials = grpc.ssl_server_credentials(
            [(key, certificate)], root_certificates=client_ca, require_client_auth=client_ca is not None
        )
        return self._server.add_secure_port(address, credentials)

    def _services(self) -> tuple[grpc.GenericRpcHandler, ...]:
        engine = self._engine
        events = {
            "Track": self._unary("Track", engine.track),
            "TrackStream": grpc.stream_stream_rpc_method_handler(
                BoundedStream("TrackStream", self._track_stream, self._streams, self._metrics)
            ),
        }
        scoring = {
            "Score": self._unary("Score", engine.score),
            "Confirm": self._unary("Confirm", engine.confirm),
            "Explain": self._unary("Explain", engine.explain),
        }
        return (
            grpc.method_handlers_generic_handler(EVENT_SERVICE, events),
            grpc.method_handlers_generic_handler(SCORING_SERVICE, scoring),
            self._health_service(),
            *self._reflection_services(),
        )

    def _health_service(self) -> grpc.GenericRpcHandler:
        # Left to itself, the servicer writes to all watchers under the lock that Check needs: one that does not read
        # would keep every Check waiting. A thread for each watcher lets it wait alone.
        watch = BoundedStream("Watch", self._health.Watch, self._watchers, self._metrics, pool=self._watcher_pool)
        codec = {
            "request_deserializer": health_pb2.HealthCheckRequest.FromString,
            "response_serializer": health_pb2.HealthCheckResponse.SerializeToString,
        }
        return grpc.method_handlers_generic_handler(
            HEALTH_SERVICE,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._health.Check, **codec),
                "Watch": grpc.unary_stream_rpc_method_handler(watch, **codec),
            },
        )

    def _reflection_services(self) -> Iterator[grpc.GenericRpcHandler]:
        method = "ServerReflectionInfo"
        answer = ReflectionServicer(reflection.SERVICES, pool=reflection.DescribedPool()).ServerReflectionInfo
        handler = grpc.stream_stream_rpc_method_handler(
            BoundedStream(method, answer, self._streams, self._metrics),
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        for service in REFLECTION_SERVICES:
            yield grpc.method_handlers_generic_handler(service, {method: handler})

    def _unary(self, method: str, call: Call) -> "grpc.RpcMethodHandler[tuple[int, bytes], bytes]":
        record = self._durations[method].record
        clock = time.perf_counter_ns
        quota = self._quota if self._quota.bounds_callers else None

        def answer(arrived: tuple[int, bytes], context: grpc.ServicerContext) -> bytes:
            received, request = arrived
            if not context.is_active():
                # The caller gave up while the call waited for a thread.
                context.abort(grpc.StatusCode.CANCELLED, "the caller is gone")
            try:
                self._pool.admit(received)
                start = clock()
                try:
                    if quota is not None:
                        quota.take(caller_of(context))
                    return call(request)
                finally:
                    record(clock() - start)
            except Refused as refused:
                self._metrics.refused(method, refused.reason)
                refusals.abort(context, refused)
            except BaseException:
                # A panic of the engine is no Exception, and gRPC would leave its caller without an answer.
                self._fail(method, context)

        # gRPC deserialises as soon as a message is there, before the thread that waits for it goes on.
        return grpc.unary_unary_rpc_method_handler(answer, request_deserializer=lambda message: (clock(), message))

    def _track_stream(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        method = "TrackStream"
        record = self._durations[method].record
        caller = caller_of(context) if self._quota.bounds_callers else ""
        for request in requests:
            start = time.perf_counter_ns()
            try:
                answer, reason = self._engine.track_streamed(request, self._quota, caller)
            except BaseException:
                self._fail(method, context)
            finally:
                record(time.perf_counter_ns() - start)
            if reason is not None:
                self._metrics.refused(method, reason)
            yield answer

    def _fail(self, method: str, context: grpc.ServicerContext) -> NoReturn:
        """Ends a call that met a fault of ours: the log has the traceback, the caller a plain status."""
        self._metrics.failed(method)
        _log.exception("call failed", method=method)
        context.abort(grpc.StatusCode.INTERNAL, "the scorer failed on this call; its log says why")
