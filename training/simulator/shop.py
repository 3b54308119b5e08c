"""The simulated shop as its surroundings see it: events come out, contacts go in, purchases come of both.

Everything is drawn from generators keyed by (seed, shopper, visit): no shopper changes another's draws.
"""

import heapq
import random
from dataclasses import dataclass

from cart_recovery.v1.channel_pb2 import Channel, ChannelUpdated
from cart_recovery.v1.event_pb2 import Context, Event, TrackRequest
from cart_recovery.v1.person_pb2 import Identity
from training.simulator.catalogue import build_catalogue
from training.simulator.envelope import Envelope
from training.simulator.response import Pending, Received, Response, respond
from training.simulator.settings import MINUTE, ShopSettings
from training.simulator.shoppers import Shopper, draw_gap_days, draw_hour_of_day, draw_referrer, draw_shopper
from training.simulator.truth import CartTruth, organic_hours
from training.simulator.visits import Visit, make_visit, order_events

_DAY = 24 * 60 * MINUTE
_HOUR = 60 * MINUTE


@dataclass(slots=True)
class _Left:
    """An abandoned cart and what is going to become of it."""

    visit: Visit
    shopper: Shopper
    pending: Pending
    rng: random.Random


class Shop:
    """A deterministic shop on simulated time; one visit per shopper at a time. Carts left are kept for `truth`."""

    def __init__(self, seed: int, shoppers: int, start_micros: int, settings: ShopSettings | None = None) -> None:
        """`start_micros` should be a midnight UTC; visits begin within `settings.days` after it."""
        self._seed = seed
        self._settings = settings or ShopSettings()
        self._start = start_micros
        self._end = start_micros + round(self._settings.days * _DAY)
        rng = random.Random(f"{seed}/shop")
        self._catalogue = build_catalogue(self._settings, rng)
        self._shoppers = [draw_shopper(number, self._settings, rng) for number in range(shoppers)]
        self._numbers = {shopper.address: shopper.number for shopper in self._shoppers}
        self._outbox: list[tuple[int, int, TrackRequest]] = []
        self._purchases: list[tuple[int, int, str]] = []
        self._visits: list[tuple[int, int]] = []
        self._counter = 0
        self._left: dict[str, _Left] = {}
        self._catalogue_events(start_micros, all_products=True)
        self._next_reprice = start_micros + _DAY
        for shopper in self._shoppers:
            self._plan_visit(shopper.number, start_micros, rng.random() * self._settings.days, rng)

    def next_time(self) -> int | None:
        """When the next event arrives at the earliest, or None at the end."""
        times = [queue[0][0] for queue in (self._outbox, self._purchases, self._visits) if queue]
        return min(times) if times else None

    def take(self, until_micros: int) -> list[TrackRequest]:
        """All requests that arrive up to then, in the order of arrival. A late event carries its earlier event time."""
        taken = []
        while (time := self.next_time()) is not None and time <= until_micros:
            if self._visits and self._visits[0][0] == time:
                self._visit()
            elif self._purchases and self._purchases[0][0] == time:
                self._purchase()
            else:
                taken.append(heapq.heappop(self._outbox)[2])
        return taken

    def receive(self, received: Received) -> Response:
        """A message reached a shopper: what follows, the purchase included, whose events come by `take`."""
        left = self._left.get(received.cart_id)
        if left is None:
            return Response()
        response = respond(left.pending, left.shopper, received, self._settings, left.rng)
        self._plan_purchase(left)
        return response

    def truth(self, cart_id: str) -> CartTruth | None:
        """The truth about an abandoned cart by the shop's own cart id; None for a cart that was not abandoned."""
        left = self._left.get(cart_id)
        return left.pending.truth if left else None

    def shopper_of(self, address: str) -> Shopper | None:
        """The shopper with this e-mail address."""
        number = self._numbers.get(address)
        return None if number is None else self._shoppers[number]

    def abandoned_carts(self) -> list[str]:
        """Cart ids of all carts left so far, in the order in which their visits began."""
        return list(self._left)

    def _visit(self) -> None:
        start, number = heapq.heappop(self._visits)
        if start >= self._next_reprice:
            self._next_reprice += _DAY
            self._catalogue_events(start, all_products=False)
        shopper = self._shoppers[number]
        rng = random.Random(f"{self._seed}/{number}/{shopper.visits}")
        visit = make_visit(shopper, self._envelope(shopper, rng), self._catalogue, start, self._settings, rng)
        self._send(visit.events, rng)
        if visit.truth is not None:
            pending = Pending(visit.truth)
            if rng.random() < visit.truth.organic:
                pending.buy_at = visit.truth.left_micros + round(organic_hours(rng.random()) * _HOUR)
            left = _Left(visit, shopper, pending, rng)
            self._left[visit.basket.cart_id] = left
            self._plan_purchase(left)
        if rng.random() < self._settings.return_share:
            self._plan_visit(number, start, draw_gap_days(self._settings, rng), rng)

    def _envelope(self, shopper: Shopper, rng: random.Random) -> Envelope:
        visit_id = f"{shopper.number}-{shopper.visits}"
        device_number = 0 if shopper.identified or rng.random() < 0.7 else shopper.visits
        identity = Identity(anonymous_id=f"browser-{shopper.number}-{device_number}", session_id=f"session-{visit_id}")
        if shopper.identified and (shopper.visits == 0 or rng.random() < 0.85):
            identity.customer_id = f"customer-{shopper.number}"
        referrer = draw_referrer(shopper, rng)
        context = Context(referrer=referrer, campaign="coupons" if "deals" in referrer else "")
        context.MergeFrom(shopper.context)
        return Envelope(self._settings.storefront_id, visit_id, identity, context)

    def _plan_visit(self, number: int, after: int, days: float, rng: random.Random) -> None:
        midnight = self._start + int((after - self._start + days * _DAY) // _DAY) * _DAY
        start = max(midnight + round(draw_hour_of_day(rng) * 60) * MINUTE, self._start + MINUTE)
        if start < self._end:
            heapq.heappush(self._visits, (start, number))

    def _plan_purchase(self, left: _Left) -> None:
        if left.pending.buy_at is not None:
            self._counter += 1
            heapq.heappush(self._purchases, (left.pending.buy_at, self._counter, left.visit.basket.cart_id))

    def _purchase(self) -> None:
        time, _, cart_id = heapq.heappop(self._purchases)
        left = self._left[cart_id]
        if left.pending.buy_at != time or left.pending.bought:
            return
        left.pending.bought = True
        pending = left.pending
        events = order_events(
            left.visit,
            left.shopper,
            time,
            offer=pending.offer,
            source=pending.source,
            settings=self._settings,
            rng=left.rng,
        )
        self._send(events, left.rng)

    def _catalogue_events(self, time: int, *, all_products: bool) -> None:
        rng = random.Random(f"{self._seed}/catalogue/{time}")
        envelope = Envelope(self._settings.storefront_id, f"catalogue-{time}", Identity(), Context())
        chosen = self._catalogue if all_products else rng.sample(self._catalogue, min(5, len(self._catalogue)))
        events = []
        if all_products:
            available = ChannelUpdated(channel=Channel.CHANNEL_EMAIL, available=True)
            events.append((time, envelope.event(time, channel_updated=available)))
        for product in chosen:
            if not all_products:
                product.reprice(rng)
            updated = product.updated(self._settings.currency_code)
            events.append((time, envelope.event(time, product_updated=updated)))
        for item in events:
            self._push(*item)

    def _send(self, events: list[tuple[int, Event]], rng: random.Random) -> None:
        for time, event in events:
            late = rng.random() < self._settings.late_share and not event.HasField("order_completed")
            arrival = time + round(rng.random() * 60) * MINUTE if late else time
            self._push(arrival, event)
            if rng.random() < self._settings.duplicate_share:
                self._push(arrival + round(1 + rng.random() * 20) * MINUTE, event)

    def _push(self, arrival: int, event: Event) -> None:
        self._counter += 1
        heapq.heappush(self._outbox, (arrival, self._counter, TrackRequest(event=event)))
