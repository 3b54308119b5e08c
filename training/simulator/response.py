"""How a shopper responds to a message: opening, clicking, opting out, buying, or being put off."""

import math
import random
from dataclasses import dataclass
from typing import Self

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.decision_pb2 import DecisionRecord
from training.simulator.settings import (
    CLICK_DELAY_HOURS,
    CLICK_RATE,
    OPEN_RATE,
    UNSUBSCRIBE_RATE,
    WINDOW_HOURS,
    ShopSettings,
)
from training.simulator.shoppers import Shopper
from training.simulator.truth import CartTruth, Contact, after_contact_share, organic_share

_HOUR = 3_600_000_000
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Offer:
    """What a message offers, and the decision that it redeems."""

    offer_id: str
    decision_id: str
    discount_minor: int
    """What it takes off, the shipping of a free one included."""
    free_shipping: bool


@dataclass(frozen=True, slots=True)
class Received:
    """A message that reached its shopper. `cart_id` is the shop's own."""

    cart_id: str
    channel: Channel.ValueType
    offer: Offer | None
    send_time_micros: int

    @classmethod
    def of(cls, cart_id: str, decision: DecisionRecord, send_time_micros: int) -> Self:
        """The message that a decision asked for."""
        action = decision.candidates[decision.chosen].action
        offer = Offer(action.offer_id, decision.decision_id, action.discount_minor, action.free_shipping)
        return cls(cart_id, action.channel, offer if action.offer_id else None, send_time_micros)


@dataclass(frozen=True, slots=True)
class Response:
    """When the shopper does what, in microseconds; None for never. `buy_at` is set too for one who buys anyway."""

    open_at: int | None = None
    click_at: int | None = None
    unsubscribe_at: int | None = None
    buy_at: int | None = None


@dataclass(slots=True)
class Pending:
    """What is going to become of an abandoned cart, as it stands after the contacts so far."""

    truth: CartTruth
    buy_at: int | None = None
    bought: bool = False
    offer: Offer | None = None
    """The offer that a purchase would use."""
    source: str = ""
    contacted_at: int | None = None
    after_contact: float = 0.0

    def remaining(self, time: int) -> float:
        """Probability of a purchase after `time`, given none before; exact up to the first contact."""
        if self.contacted_at is None:
            total = self.truth.organic
            passed = organic_share((time - self.truth.left_micros) / _HOUR)
        else:
            total = self.after_contact
            hours_left = WINDOW_HOURS - (self.contacted_at - self.truth.left_micros) / _HOUR
            passed = after_contact_share((time - self.contacted_at) / _HOUR, hours_left)
        return total * (1.0 - passed) / (1.0 - total * passed)


def respond(
    pending: Pending, shopper: Shopper, received: Received, settings: ShopSettings, rng: random.Random
) -> Response:
    """Draws the response and changes `pending` with it.

    A rise of the probability turns some who would not have bought, a fall turns some away who would, so that the share
    who buy is exactly the truth's.
    """
    time = received.send_time_micros
    if pending.bought or (pending.buy_at is not None and pending.buy_at <= time):
        return Response()
    hours = max(0.0, (time - pending.truth.left_micros) / _HOUR)
    offer = received.offer
    contact = Contact(
        received.channel,
        discount_minor=offer.discount_minor if offer else 0,
        free_shipping=offer is not None and offer.free_shipping,
        delay_hours=hours,
    )
    before = pending.remaining(time)
    after = pending.truth.shifted(before, contact) if hours < WINDOW_HOURS else before
    turned = False
    if pending.buy_at is None:
        turned = rng.random() * (1.0 - before) < after - before
    elif rng.random() * before < before - after:
        pending.buy_at = None
    pending.contacted_at, pending.after_contact = time, after
    open_at = _open_at(shopper, time, settings, rng, surely=turned)
    click_at = _click_at(open_at, settings, rng, surely=turned)
    if turned:
        pending.buy_at = _buy_at(click_at or time, pending.truth.left_micros, rng)
    # As a shop would see it: the last click came from the message, whether or not it made the difference.
    clicked = click_at is not None and pending.buy_at is not None and click_at <= pending.buy_at
    pending.source = "email" if clicked else pending.source
    uses_offer = turned or (pending.buy_at is not None and (open_at is not None or shopper.gaming))
    pending.offer = offer if uses_offer else None
    if offer is not None:
        shopper.lessons += 1
    unsubscribes = rng.random() < UNSUBSCRIBE_RATE * settings.response_scale * settings.unsubscribe_scale * (
        6.0 if shopper.harmed else 1.0
    )
    unsubscribe_at = (open_at or time + _HOUR) + 60 * _SECOND if unsubscribes else None
    return Response(open_at or unsubscribe_at, click_at, unsubscribe_at, pending.buy_at)


def _open_at(shopper: Shopper, time: int, settings: ShopSettings, rng: random.Random, *, surely: bool) -> int | None:
    opens = rng.random() < min(0.9, OPEN_RATE * shopper.engagement * settings.response_scale)
    delay = rng.lognormvariate(math.log(CLICK_DELAY_HOURS * 0.8), 0.8)
    return time + round(min(delay, 20.0) * _HOUR) if surely or opens else None


def _click_at(open_at: int | None, settings: ShopSettings, rng: random.Random, *, surely: bool) -> int | None:
    clicks = rng.random() < CLICK_RATE / OPEN_RATE * settings.response_scale
    delay = rng.expovariate(1.0) * 0.2 * CLICK_DELAY_HOURS
    return open_at + round(min(delay, 5.0) * _HOUR) if open_at is not None and (surely or clicks) else None


def _buy_at(click_at: int, left_micros: int, rng: random.Random) -> int:
    latest = left_micros + round(WINDOW_HOURS * _HOUR)
    wished = click_at + round((0.05 + rng.expovariate(1.0) * 1.5) * _HOUR)
    return min(wished, max(latest, click_at + 60 * _SECOND))
