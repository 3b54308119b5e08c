"""A simulated shop under the real engine: its events go in, decisions come out at their time, and what the shoppers do
with the messages comes back as events."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event, TrackRequest
from cart_recovery.v1.message_pb2 import MessageOutcome, Opener
from rust_features import Keys, Offline, Refused, outside_token
from training.simulator.response import Received, Response
from training.simulator.shop import Shop

_STEP_MICROS = 120_000_000
_CART_KINDS = frozenset({"product_added", "cart_updated"})


@dataclass(slots=True)
class Run:
    """What a run left: the engine with its journal, and the decisions by send id with the shop's own cart ids."""

    engine: Offline
    decisions: list[DecisionRecord] = field(default_factory=list)
    cart_ids: dict[str, str] = field(default_factory=dict)
    """Cart token → the shop's cart id."""
    events: int = 0
    sends: int = 0
    refused: int = 0

    def journal(self) -> Any:
        """The journal as an Arrow stream of (sequence, payload)."""
        return self.engine.journal()


def run_shop(
    shop: Shop,
    *,
    keys: Keys,
    bundle_directory: str,
    run_seed: bytes,
    storefront_id: str,
    progress: Callable[[int], None] | None = None,
) -> Run:
    """Runs the shop until nothing is left to happen. Deterministic in shop and `run_seed`."""
    engine = Offline(keys=keys, bundle_directory=bundle_directory, run_seed=run_seed, keep_journal=True)
    run = Run(engine)
    driver = _Driver(shop, keys, storefront_id, run)
    for now in driver.moments():
        driver.step(now)
        if progress is not None:
            progress(run.events)
    return run


class _Driver:
    """Moves engine and shop together, two minutes at a time."""

    def __init__(self, shop: Shop, keys: Keys, storefront_id: str, run: Run) -> None:
        self._shop = shop
        self._keys = keys
        self._storefront_id = storefront_id
        self._run = run
        self._by_send: dict[str, DecisionRecord] = {}
        self._reactions: list[tuple[int, int, bytes]] = []
        self._counter = 0
        self._known: set[str] = set()

    def moments(self) -> Iterator[int]:
        """The ends of the steps, until neither shop nor engine nor a shopper has anything left to do."""
        now = 0
        while True:
            due = (self._shop.next_time(), self._run.engine.next_due(), self._next_reaction())
            pending = [time for time in due if time is not None]
            if not pending:
                return
            now = max(min(pending), now) + _STEP_MICROS
            yield now

    def step(self, now: int) -> None:
        """Everything up to `now`."""
        arriving = [(_micros(request.event), request.SerializeToString()) for request in self._take(now)]
        while self._reactions and self._reactions[0][0] <= now:
            time, _, request = heapq.heappop(self._reactions)
            arriving.append((time, request))
        arriving.sort(key=lambda item: item[0])
        for _, request in arriving:
            self._track(request)
        self._run.engine.advance(now)
        self._collect()

    def _take(self, now: int) -> list[TrackRequest]:
        requests = self._shop.take(now)
        for request in requests:
            event = request.event
            kind = event.WhichOneof("kind")
            if kind in _CART_KINDS:
                cart_id = event.product_added.cart_id if kind == "product_added" else event.cart_updated.cart.cart_id
                self._learn(cart_id)
        self._run.events += len(requests)
        return requests

    def _learn(self, cart_id: str) -> None:
        if cart_id not in self._known:
            self._known.add(cart_id)
            self._run.cart_ids[outside_token(self._keys, "cart", self._storefront_id, cart_id)] = cart_id

    def _track(self, request: bytes) -> None:
        try:
            self._run.engine.track(request)
        except Refused:
            self._run.refused += 1

    def _collect(self) -> None:
        for payload in self._run.engine.take_decisions():
            record = DecisionRecord.FromString(payload)
            self._run.decisions.append(record)
            self._by_send[record.send_id] = record
        for payload in self._run.engine.take_sends():
            outcome = MessageOutcome.FromString(payload)
            record_of_send = self._by_send.pop(outcome.send_id, None)
            if outcome.HasField("sent") and record_of_send is not None:
                self._deliver(record_of_send, outcome)

    def _deliver(self, record: DecisionRecord, outcome: MessageOutcome) -> None:
        cart_id = self._run.cart_ids.get(record.request.cart_id)
        if cart_id is None:
            return
        self._run.sends += 1
        sent_at = outcome.sent.sent_time.ToMicroseconds()
        response = self._shop.receive(Received.of(cart_id, record, sent_at))
        for time, event in _reactions(record, outcome, response):
            self._counter += 1
            heapq.heappush(self._reactions, (time, self._counter, TrackRequest(event=event).SerializeToString()))

    def _next_reaction(self) -> int | None:
        return self._reactions[0][0] if self._reactions else None


def _reactions(record: DecisionRecord, sent: MessageOutcome, response: Response) -> Iterator[tuple[int, Event]]:
    """Openings, clicks and opt-outs as the dispatcher would report them: by alias."""
    if response.open_at is not None:
        opened = _outcome(sent)
        opened.opened.opener = Opener.OPENER_HUMAN
        yield response.open_at, _event(record, opened, response.open_at, "opened")
    if response.click_at is not None:
        clicked = _outcome(sent)
        clicked.clicked.link = "restore"
        yield response.click_at, _event(record, clicked, response.click_at, "clicked")
    if response.unsubscribe_at is not None:
        unsubscribed = _outcome(sent)
        unsubscribed.unsubscribed.channels.append(Channel.CHANNEL_EMAIL)
        yield response.unsubscribe_at, _event(record, unsubscribed, response.unsubscribe_at, "unsubscribed")


def _outcome(sent: MessageOutcome) -> MessageOutcome:
    return MessageOutcome(
        decision_id=sent.decision_id, send_id=sent.send_id, channel=sent.channel, touch=sent.touch, provider="simulator"
    )


def _event(record: DecisionRecord, outcome: MessageOutcome, time: int, what: str) -> Event:
    event = Event(event_id=f"{outcome.send_id}-{what}", storefront_id=record.request.storefront_id)
    event.event_time.FromMicroseconds(time)
    event.identity.aliases.extend(record.aliases)
    event.message_outcome.CopyFrom(outcome)
    return event


def _micros(event: Event) -> int:
    return event.event_time.ToMicroseconds()
