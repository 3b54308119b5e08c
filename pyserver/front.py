"""The gRPC front of a scorer, in either of its two forms: what both offer, and the one that the settings ask for."""

from typing import Protocol

from cart_recovery.settings import Settings
from pyserver import reflection
from pyserver.grpcio_front import GrpcioFront
from pyserver.tls import read_tls
from rust_features import CallMetrics, CallQueue, Engine, NativeFront, Quota

_BURST_SHARE = 0.5
"""Of the time in which a call is to be answered, what it may spend waiting; the rest is for the answer and its way."""

_UNSEEN_SHARE = 1 / 8
"""Of that time, what a call may spend in gRPC's core before Python takes it up; on its way there it waits, too."""

_TAKEN_UP_PER_MS = 1.0
"""Calls that Python takes up from gRPC's core, on a slow machine."""

_LEAST_UNSEEN_CALLS = 8
"""So many who call at once are answered, whatever the objective."""

_STANDING_SHARE = 0.1
"""Of that time, what a call may wait on the native front where somebody always does."""

_LEAST_STANDING_MS = 1.0
"""As long as some forty calls take: so many who always wait are answered, whatever the objective."""


class Front(Protocol):
    """One listening gRPC server over one engine."""

    @property
    def port(self) -> int:
        """The port in use."""

    def start(self) -> None:
        """Accepts calls: events at once, scoring only after `set_scoring` as far as health says."""

    def set_scoring(self, *, serving: bool) -> None:
        """Tells health whether decisions can be taken; the server as a whole serves where all its services do."""

    def stop(self, *, grace_seconds: float) -> None:
        """Says NOT_SERVING, accepts no new call and waits for the running ones, at most so long."""


def places_of(settings: Settings) -> int:
    """How many streams may be open, and how many callers may wait for the journal: each holds a thread of the grpcio
    front, and calls must always find one."""
    return max(1, settings.threads // 4)


def queue_of(settings: Settings) -> CallQueue:
    """The calls that wait for the front, and for how long they may."""
    burst_budget_nanos = int(settings.objective_ms * _BURST_SHARE * 1_000_000)
    standing_budget_nanos = int(max(_LEAST_STANDING_MS, settings.objective_ms * _STANDING_SHARE) * 1_000_000)
    # Where answers wait for the disk, those that wait share its syncs; on grpcio to refuse costs as much as to answer.
    sheds_early = settings.front == "native" and settings.durability != "disk"
    return CallQueue(burst_budget_nanos, standing_budget_nanos if sheds_early else None)


def unseen_calls_of(settings: Settings) -> int:
    """How many calls may wait in gRPC's core, where nobody sees for how long: as many as are taken up in the time they
    may spend there. Unbounded, a scorer at twice its capacity works for callers who have given up."""
    return max(_LEAST_UNSEEN_CALLS, int(settings.objective_ms * _UNSEEN_SHARE * _TAKEN_UP_PER_MS))


def bind_front(settings: Settings, engine: Engine, calls: CallMetrics) -> Front:
    """The front that the settings ask for, bound to its address. Raises RuntimeError where it cannot bind, TlsUnusable,
    and FrontUnusable."""
    tls = read_tls(settings.tls)
    queue = queue_of(settings)
    quota = Quota(settings.quota_calls_per_second)
    if settings.front == "native":
        return NativeFront(
            engine,
            address=settings.scorer_address,
            streams=places_of(settings),
            watchers=settings.threads,
            services=reflection.SERVICES,
            descriptors=reflection.described().SerializeToString(),
            calls=calls,
            queue=queue,
            quota=quota,
            tls=tls,
        )
    return GrpcioFront(
        engine,
        address=settings.scorer_address,
        threads=settings.threads,
        streams=places_of(settings),
        unseen_calls=unseen_calls_of(settings),
        calls=calls,
        queue=queue,
        quota=quota,
        tls=tls,
    )
