"""What the benchmarks of Score send, and how they look at the answers."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc

from cart_recovery.settings import STARTER
from cart_recovery.v1.event_pb2 import TrackRequest, TrackStreamRequest, TrackStreamResponse
from cart_recovery.v1.scoring_pb2 import TRIGGER_CHECKOUT_CALL, ScoreRequest, ScoreResponse
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.policies import write_policy
from loadtests.benchmarks.servers import Server, await_rest
from loadtests.shoppers import METHODS, STOREFRONT, cart, consent_request, identity, track_request

SCORE_METHOD = METHODS["Score"]
THREADS = 32
"""Of each server: the scorer's default."""

_TRACK_METHOD = "/cart_recovery.v1.EventService/TrackStream"
_DEADLINE_SECONDS = 10.0

MakeBundle = Callable[[Path, Path, int, int], None]
"""Writes keys and an active, signed bundle: (data directory, policy file, trees in each model, leaves in each tree)."""

Call = Callable[[bytes], bytes]


def make_data(directory: Path, make_bundle: MakeBundle, *, actions: int, trees: int, leaves: int) -> None:
    """Fills a data directory whose policy has so many candidate actions, "none" among them."""
    policy = directory / "policy.toml"
    write_policy(STARTER / "policy.toml", policy, actions)
    make_bundle(directory, policy, trees, leaves)


def caller(stack: ExitStack, server: Server, method: str) -> Call:
    """Calls one method over a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = stack.enter_context(grpc.insecure_channel(server.address, options=options))
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)

    def once(request: bytes) -> bytes:
        reply: bytes = call(request, timeout=_DEADLINE_SECONDS)
        return reply

    return once


def timed(call: Call, batch: Iterable[bytes]) -> tuple[list[int], list[bytes]]:
    """Durations in nanoseconds of one caller's calls, and the replies."""
    clock = time.perf_counter_ns
    waits, replies = [], []
    for request in batch:
        start = clock()
        replies.append(call(request))
        waits.append(clock() - start)
    return waits, replies


def checked(reply: bytes, actions: int) -> bytes:
    """The reply, if it weighs them all. Raises Unmeasured."""
    if not weighs(reply, actions):
        raise Unmeasured(f"a Score weighed fewer than {actions} candidates, or repeated an answer")
    return reply


def weighs(reply: bytes, actions: int) -> bool:
    """Whether it is a fresh decision among all candidates, each of which went through the models."""
    response = ScoreResponse.FromString(reply)
    return not response.repeated_answer and sum(candidate.eligible for candidate in response.candidates) == actions


def score_requests(customers: Iterable[int], actions: int, *, dry_run: bool = False) -> Iterator[bytes]:
    """A Score for the cart of each of these customers in turn."""
    for customer in customers:
        yield ScoreRequest(
            storefront_id=STOREFRONT,
            identity=identity(customer),
            cart_id=f"cart-{customer}",
            trigger=TRIGGER_CHECKOUT_CALL,
            candidate_count=actions,
            dry_run=dry_run,
        ).SerializeToString()


def preload(server: Server, customers: int) -> None:
    """Brings in customers and waits until the state holds them."""
    with grpc.insecure_channel(server.address) as channel:
        stream: grpc.StreamStreamMultiCallable[TrackStreamRequest, TrackStreamResponse] = channel.stream_stream(
            _TRACK_METHOD, TrackStreamRequest.SerializeToString, TrackStreamResponse.FromString
        )
        for answer in stream(TrackStreamRequest(track=event) for event in arrivals(customers)):
            if answer.HasField("rejected"):
                raise Unmeasured(f"an event was refused: {answer.rejected.message}")
    await_rest(server)


def arrivals(customers: int) -> Iterator[TrackRequest]:
    """Customers come in with consent and a cart of three lines each."""
    generator = random.Random(7)
    for customer in range(customers):
        yield consent_request(customer, f"consent-{customer}")
        yield track_request(customer, f"cart-{customer}", cart_updated={"cart": cart(customer, generator)})
