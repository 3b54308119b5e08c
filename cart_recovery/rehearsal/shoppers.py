"""The demo's world: a simulated shop whose shoppers read their e-mail and click, unsubscribe or buy."""

import heapq
import re
from collections.abc import Callable, Mapping

from cart_recovery.inbox import Arrival
from cart_recovery.rehearsal.live import http_status
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event, TrackRequest
from rust_features import Keys, outside_token
from training.simulator.response import Received
from training.simulator.shop import Shop

_RESTORE_LINK = re.compile(r"https?://\S+/c/\S+")
_SEND_ID = re.compile(r"<([0-9a-f]{32})@")
_ONE_CLICK = b"List-Unsubscribe=One-Click"


class LinkBroken(Exception):
    """A link of a message did not answer as it should."""


class ShopperWorld:
    """Shop and mailboxes together. Every click and opt-out is a real HTTP request to the link in the message."""

    def __init__(
        self,
        shop: Shop,
        keys: Keys,
        *,
        decisions: Mapping[str, DecisionRecord],
        open_link: Callable[[str], int],
        heard: Callable[[Event], None],
    ) -> None:
        """`decisions` are those of the journal by send id, `heard` is told every event the shop sends."""
        self._shop = shop
        self._keys = keys
        self._decisions = decisions
        self._open_link = open_link
        self._heard = heard
        self._carts: dict[str, str] = {}
        self._reactions: list[tuple[int, int, str, str]] = []
        self._names: dict[str, str] = {}
        self.clicks = 0
        self.opt_outs = 0

    def next_event(self) -> int | None:
        """When the shop sends its next event, at the earliest."""
        return self._shop.next_time()

    def take(self, until_micros: int) -> list[TrackRequest]:
        """The shop's events up to then."""
        requests = self._shop.take(until_micros)
        for request in requests:
            self._learn(request.event)
            self._heard(request.event)
        return requests

    def next_reaction(self) -> int | None:
        """When a shopper next opens a link."""
        return self._reactions[0][0] if self._reactions else None

    def react(self, until_micros: int) -> None:
        """Opens the links whose time has come. Raises LinkBroken."""
        while self._reactions and self._reactions[0][0] <= until_micros:
            _, _, kind, url = heapq.heappop(self._reactions)
            if kind == "click":
                self._expect(self._open_link(url), 302, "restore link")
                self.clicks += 1
            else:
                self._expect(http_status("POST", url, _ONE_CLICK), 200, "one-click unsubscribe")
                self.opt_outs += 1

    def receive(self, arrival: Arrival, now_micros: int) -> None:
        """A shopper gets a message: the shop knows what will come of it."""
        send_id = _SEND_ID.search(str(arrival.message["Message-ID"]))
        decision = self._decisions.get(send_id.group(1)) if send_id else None
        cart_id = self._carts.get(decision.request.cart_id) if decision else None
        if decision is None or cart_id is None:
            raise LinkBroken(f"e-mail {arrival.number} belongs to no decision on a cart of this shop")
        response = self._shop.receive(Received.of(cart_id, decision, now_micros))
        restore = arrival.link(_RESTORE_LINK.pattern)
        if response.click_at is not None and restore is not None:
            self._plan(response.click_at, "click", restore)
        if response.unsubscribe_at is not None:
            self._plan(response.unsubscribe_at, "opt out", str(arrival.message["List-Unsubscribe"]).strip("<> "))

    def name_of(self, cart_token: str) -> str:
        """The shopper whose cart the journal calls so."""
        return self._names.get(cart_token, "a shopper")

    def _learn(self, event: Event) -> None:
        cart_id = _cart_id(event)
        if not cart_id:
            return
        token = outside_token(self._keys, "cart", event.storefront_id, cart_id)
        self._carts[token] = cart_id
        number = event.identity.anonymous_id.split("-")[1]
        shopper = self._shop.shopper_of(f"shopper-{number}@shoppers.example")
        self._names[token] = f"{shopper.name} ({number})" if shopper and shopper.identified else f"visitor {number}"

    def _plan(self, time_micros: int, kind: str, url: str) -> None:
        heapq.heappush(self._reactions, (time_micros, len(self._reactions), kind, url))

    @staticmethod
    def _expect(status: int, expected: int, link: str) -> None:
        if status != expected:
            raise LinkBroken(f"the {link} answered {status}, not {expected}")


def _cart_id(event: Event) -> str:
    kind = event.WhichOneof("kind")
    content = getattr(event, kind) if kind else None
    cart = getattr(content, "cart", None)
    return str(getattr(content, "cart_id", "") or getattr(cart, "cart_id", ""))
