"""How many calls a second one scorer takes within an objective: open-loop load, each call timed from
the moment when it should have begun, until the highest rate is found that the scorer keeps up for a minute."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import rust_features
from loadtests.benchmarks.machine import machine
from loadtests.benchmarks.servers import Server, await_rest
from loadtests.benchmarks.traffic import caller, weighs
from loadtests.memory import resident_bytes
from loadtests.placement import Placement
from loadtests.processor import cpu_of_process, metric
from loadtests.shoppers import CANDIDATES, CURRENCY, METHODS, line, score_request, track_request

T = TypeVar("T")

QUANTILES = ("p50", "p90", "p99", "p99.9")
IN_TIME_SHARE = 0.99
"""Of the calls of each kind, so many have to be answered within the objective; whoever is refused, or fails, is not."""
_CALLS = {"Track": 0.9, "Score": 0.1}
"""Kinds of calls and their shares: nine storefronts' events to one checkout's question."""
_CALL_NUMBER = "@call-number"
"""Replaced by the generator, so that every event and every cart is a new one."""
_CONNECTIONS = 8
_DEADLINE_SECONDS = 2.0
_IN_FLIGHT_LIMIT = 20_000
_ON_THEIR_WAY = 1_000
"""Messages that a flat spool may hold more than before: one batch of the relay."""
_ON_THEIR_WAY_SECONDS = 0.25
"""And what comes in while nats-server syncs, or the machine stalls. However long a step is, it may be no more."""
_REFINEMENTS = 4
GRID_PERCENT = (2 ** (1 / 2**_REFINEMENTS) - 1) * 100
"""Between two rates that are told apart."""
TRIES = 2
"""Of a rate, before it counts as too much: the machine may stall."""
_HALF_ROUNDS = 5
_ASKED = 100
_RECOVERY_STEP_SECONDS = 0.25


@dataclass(frozen=True)
class Plan:
    """What to look for."""

    front: str
    slo_p99_ms: float
    customers: int = 20_000
    first_rate: float = 500.0
    step_seconds: float = 10.0
    sustained_seconds: float = 60.0
    overload: float = 5.0
    """Times the sustained rate; 0 leaves the overload out."""

    def quick(self) -> "Plan":
        """Short steps and no overload, to see that it runs."""
        return replace(self, customers=500, first_rate=50.0, step_seconds=1.0, sustained_seconds=2.0, overload=0.0)


@dataclass(frozen=True)
class Step:
    """One rate, offered for some time."""

    offered: float
    """Calls a second."""
    seconds: float
    answered: float
    """Calls a second."""
    in_time_share: float
    """Answered within the objective, of all calls of the kind where that is less."""
    refused_share: float
    """With RESOURCE_EXHAUSTED, or by CANCELLED where gRPC itself refused; of all calls."""
    failed: int
    first_failure: str | None
    """What became of the first of them, by the kind of call that is named first."""
    dropped: int
    """Not made, because too many calls were in flight."""
    latency_micros: dict[str, dict[str, int]]
    """By kind of call and quantile; answered calls alone."""
    lateness_p99_micros: int
    """By which the generator itself began calls too late; part of the latencies."""
    cpu_micros: float
    """CPU time of the scorer's process per answered call, relay and feed included."""
    spool_growth: float
    """Messages."""
    resident_bytes: float

    @property
    def p99_micros(self) -> int:
        """Of the slower kind of call."""
        return max(quantiles["p99"] for quantiles in self.latency_micros.values())

    @property
    def spread(self) -> float:
        """p99 over p50, of the kind of call where it is greater."""
        return max(quantiles["p99"] / max(1, quantiles["p50"]) for quantiles in self.latency_micros.values())

    @property
    def kept_up(self) -> bool:
        """Whether the scorer kept up and kept the objective."""
        flat = self.spool_growth <= _ON_THEIR_WAY + self.offered * _ON_THEIR_WAY_SECONDS
        return flat and not self.dropped and self.in_time_share >= IN_TIME_SHARE


@dataclass(frozen=True)
class Overload:
    """Far more calls than can be answered, and what came after."""

    step: Step
    resident_bytes_before: float
    resident_bytes_after: float
    """Once everything accepted is folded."""
    recovery_seconds: float | None
    """From its last call to the first quarter of a second of half the sustained rate that was within the objective
    again; None where none was for as long as the overload had lasted."""

    @property
    def bytes_per_call(self) -> float:
        """By which memory grew with each answered call, which the state remembers; what is refused leaves nothing."""
        return per_call(self.resident_bytes_after - self.resident_bytes_before, [self.step])


@dataclass(frozen=True)
class Capacity:
    """The whole report."""

    plan: Plan
    placement: Placement
    machine: dict[str, str]
    engine_version: str
    steps: tuple[Step, ...]
    sustained: Step | None
    """The highest rate that was kept up; None where not even the first one was."""
    half: tuple[Step, ...]
    """Rounds of half of the sustained rate, together for as long; none where no rate was kept up."""
    half_bytes_per_call: float | None
    """By which memory grew meanwhile, with each answered call."""
    weighed_share: float
    """Of Scores asked afterwards, those that weighed every candidate, as such load should."""
    overload: Overload | None

    @property
    def cores(self) -> float | None:
        """Processors that the scorer's process keeps busy at the sustained rate."""
        return None if self.sustained is None else self.sustained.cpu_micros * self.sustained.answered / 1e6

    @property
    def beyond(self) -> Step | None:
        """The lowest rate that was too much: it tells what gave out."""
        more = [step for step in self.steps if self.sustained and step.offered > self.sustained.offered]
        return min(more, key=lambda step: step.offered, default=None)

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"cores": self.cores}


class Load:
    """Offers load to one scorer; no call repeats one of an earlier step."""

    def __init__(self, server: Server, plan: Plan) -> None:
        generator, customers = random.Random(7), plan.customers
        self._server = server
        self._objective_seconds = plan.slo_p99_ms / 1_000
        self._calls = [(METHODS[kind], share, _requests(kind, customers, generator)) for kind, share in _CALLS.items()]
        self._cpu = cpu_of_process(server.process_id)
        self._next_number = 1

    def offer(self, rate: float, seconds: float) -> Step:
        """Offers calls at a rate. Raises ConnectionError, CpuUnknown."""
        cpu, depth = self._cpu(), self._spool_depth()
        outcome = rust_features.offer_load(
            address=self._server.address,
            calls=self._calls,
            rate=rate,
            seconds=seconds,
            connections=_CONNECTIONS,
            deadline_seconds=_DEADLINE_SECONDS,
            objective_seconds=self._objective_seconds,
            in_flight_limit=_IN_FLIGHT_LIMIT,
            seed=self._next_number,
            first_number=self._next_number,
        )
        self._next_number += int(rate * seconds * 2) + 10_000
        answered = sum(kind.answered for kind in outcome.kinds)
        refused = sum(kind.refused for kind in outcome.kinds)
        failed = sum(kind.failed for kind in outcome.kinds)
        latencies = (dict(zip(QUANTILES, kind.latency_micros, strict=False)) for kind in outcome.kinds)
        return Step(
            offered=rate,
            seconds=seconds,
            answered=answered / seconds,
            in_time_share=min(in_time_share(kind) for kind in outcome.kinds),
            refused_share=refused / max(1, answered + refused + failed),
            failed=failed,
            first_failure=next((kind.first_failure for kind in outcome.kinds if kind.first_failure), None),
            dropped=outcome.dropped,
            latency_micros=dict(zip(_CALLS, latencies, strict=True)),
            lateness_p99_micros=outcome.lateness_micros[QUANTILES.index("p99")],
            cpu_micros=(self._cpu() - cpu) * 1e6 / max(1, answered),
            spool_growth=self._spool_depth() - depth,
            resident_bytes=self.resident_bytes(),
        )

    def resident_bytes(self) -> int:
        """Memory of the scorer's process."""
        return resident_bytes(self._server.process_id)

    def weighed_share(self) -> float:
        """Of some Scores, those that weigh every candidate."""
        scores = next(requests for method, _, requests in self._calls if method == METHODS["Score"])
        self._next_number += _ASKED
        with ExitStack() as stack:
            call = caller(stack, self._server, METHODS["Score"])
            numbers = (f"{self._next_number - turn:0{len(_CALL_NUMBER)}x}".encode() for turn in range(_ASKED))
            asked = [request.replace(_CALL_NUMBER.encode(), next(numbers)) for request in scores[:_ASKED]]
            weighed = [weighs(call(request), CANDIDATES) for request in asked]
        return sum(weighed) / len(weighed)

    def rest(self) -> None:
        """Waits until everything spooled is journalled and folded."""
        await_rest(self._server)

    def rested_bytes(self) -> int:
        """Memory of the scorer's process, once all that is accepted is folded."""
        self.rest()
        return self.resident_bytes()

    def _spool_depth(self) -> float:
        return metric(self._server.metrics_url, "cart_recovery_spool_depth_messages")


def per_call(grown_bytes: float, steps: Sequence[Step]) -> float:
    """Bytes for each call that was answered."""
    return grown_bytes / max(1.0, sum(step.answered * step.seconds for step in steps))


def in_time_share(kind: rust_features.LoadAnswers) -> float:
    """Of all calls that were made, those answered within the objective; refused and failed ones are not."""
    made = kind.answered + kind.refused + kind.failed
    return kind.in_time / made if made else 1.0


def measure(plan: Plan, load: Load, placement: Placement, progress: Callable[[str], None]) -> Capacity:
    """Looks for the highest rate that is kept up, and goes beyond it; `placement` goes into the report."""
    steps: list[Step] = []

    def tried(rate: float, seconds: float) -> Step:
        load.rest()
        step = load.offer(rate, seconds)
        steps.append(step)
        progress(_line(step))
        return step

    def kept(rate: float, seconds: float) -> Step | None:
        attempts = (tried(rate, seconds) for _ in range(TRIES))
        return next((step for step in attempts if step.kept_up), None)

    sustained = highest(
        plan.first_rate,
        lambda rate: kept(rate, plan.step_seconds) is not None,
        lambda rate: kept(rate, plan.sustained_seconds),
    )
    before = load.rested_bytes()
    seconds = plan.sustained_seconds / _HALF_ROUNDS
    half = tuple(tried(sustained.offered / 2, seconds) for _ in range(_HALF_ROUNDS)) if sustained else ()
    grown = per_call(load.rested_bytes() - before, half) if half else None
    weighed = load.weighed_share()
    overload = _overload(plan, load, sustained, progress) if sustained and plan.overload else None
    version = rust_features.ENGINE_VERSION
    return Capacity(plan, placement, machine(), version, tuple(steps), sustained, half, grown, weighed, overload)


def highest(
    first_rate: float, keeps_up: Callable[[float], bool], sustained_at: Callable[[float], T | None]
) -> T | None:
    """What `sustained_at` answers at the highest rate where it does. Doubling, with the quicker `keeps_up`, finds one
    that is too much, and bisection what lies below. None where even `first_rate` is."""
    high = first_rate
    while keeps_up(high):
        high *= 2
    low, found = high / 2, None
    while low >= first_rate and (found := sustained_at(low)) is None:
        low, high = low / 2, low
    for _ in range(0 if found is None else _REFINEMENTS):
        middle = (low * high) ** 0.5
        better = sustained_at(middle)
        low, high, found = (low, middle, found) if better is None else (middle, high, better)
    return found


def _overload(plan: Plan, load: Load, sustained: Step, progress: Callable[[str], None]) -> Overload:
    before = load.rested_bytes()
    # Its last calls are still waited for after its end.
    ended = time.monotonic() + plan.sustained_seconds
    step = load.offer(sustained.offered * plan.overload, plan.sustained_seconds)
    recovery = _recovery(load, sustained.offered / 2, ended, plan.sustained_seconds)
    progress(_line(step))
    return Overload(step, before, load.rested_bytes(), recovery)


def _recovery(load: Load, rate: float, ended: float, patience: float) -> float | None:
    """Seconds until the rate is kept up again; None where it is not within `patience`."""
    while (waited := time.monotonic() - ended) <= patience:
        if load.offer(rate, _RECOVERY_STEP_SECONDS).kept_up:
            return waited
    return None


def _requests(kind: str, customers: int, generator: random.Random) -> list[bytes]:
    """One of each customer: nobody acts so often as to be taken for a robot."""
    requests = []
    for customer in range(customers):
        if kind == "Score":
            score = score_request(customer, generator)
            score.cart.cart_id = f"asked-{_CALL_NUMBER}"
            requests.append(score.SerializeToString())
        else:
            added = {"cart_id": f"cart-{customer}", "line": line(generator), "currency_code": CURRENCY}
            viewed = {"product": line(generator), "dwell_seconds": 5}
            what = {"product_added": added} if generator.random() < 0.2 else {"product_viewed": viewed}
            requests.append(track_request(customer, f"event-{_CALL_NUMBER}", **what).SerializeToString())
    return requests


def _line(step: Step) -> str:
    verdict = "within" if step.kept_up else "beyond"
    return (
        f"{step.offered:,.0f} a second for {step.seconds:.0f} s: {step.answered:,.0f} answered, p99 "
        f"{step.p99_micros / 1000:.2f} ms, {step.refused_share:.2%} refused, {step.in_time_share:.2%} in time, spool "
        f"{step.spool_growth:+,.0f}: {verdict}"
    )
