"""The truth about one abandoned cart: the probability of a purchase under every contact, and its worth.

A shopper who was not contacted buys with probability `organic`, at a time with distribution `organic_share`. A contact
after d hours reaches only those who have not bought by then, and shifts their log-odds by `effect`:

    P(contact) = organic · G(d) + (1 - organic · G(d)) · logistic(logit(q) + effect)
    q = organic · (1 - G(d)) / (1 - organic · G(d))
"""

import math
from dataclasses import dataclass

from cart_recovery.v1.channel_pb2 import Channel
from training.simulator.settings import WINDOW_HOURS
from training.simulator.shoppers import log_odds, logistic

_ORGANIC_MEAN_HOURS = 30.0
_AFTER_CONTACT_MEAN_HOURS = 5.0
_CHANNEL_WARMTH = {Channel.CHANNEL_EMAIL: 0.0, Channel.CHANNEL_SMS: -0.3, Channel.CHANNEL_PUSH: -0.15}
_OTHER_CHANNEL_WARMTH = -0.4
_NOBODY = 1e-9
_FREE_SHIPPING_MATTERS_BELOW_MINOR = 7500


@dataclass(frozen=True, slots=True)
class Contact:
    """What the truth has to know of a contact. The delay counts from the moment the shopper has left."""

    channel: Channel.ValueType
    discount_minor: int
    free_shipping: bool
    delay_hours: float


@dataclass(frozen=True, slots=True)
class CartTruth:
    """One abandoned cart. `margin_minor` is what a purchase earns before discount, returns taken off."""

    cart_id: str
    shopper_number: int
    left_micros: int
    value_minor: int
    margin_minor: float
    organic: float
    harmed: bool
    thrift: float
    hot: bool
    """The shopper had reached the last step: quick contact helps rather than annoys."""
    phone: bool

    def buy_probability(self, contact: Contact | None) -> float:
        """Probability of a purchase within the window under one first contact, or none."""
        if contact is None:
            return self.organic
        before = self.organic * organic_share(contact.delay_hours)
        remaining = (self.organic - before) / (1.0 - before)
        return before + (1.0 - before) * self.shifted(remaining, contact)

    def shifted(self, remaining: float, contact: Contact) -> float:
        """Probability of a purchase after the contact, for one who without it would still buy with `remaining`."""
        if remaining < _NOBODY:
            return remaining
        return logistic(log_odds(remaining) + self.effect(contact))

    def value_minor_of(self, contact: Contact | None, contact_cost_minor: float = 0.0) -> float:
        """Expected margin in minor units: discount and contact cost are taken off."""
        probability = self.buy_probability(contact)
        if contact is None:
            return probability * self.margin_minor
        return probability * (self.margin_minor - contact.discount_minor) - contact_cost_minor

    def effect(self, contact: Contact) -> float:
        """Shift in log-odds. Harmed shoppers lose by any contact; an early one annoys all but the hot."""
        hours = contact.delay_hours
        early = math.exp(-hours / 0.9)
        if self.harmed:
            return -1.5 - 0.8 * early
        warmth = 1.1 + _CHANNEL_WARMTH.get(contact.channel, _OTHER_CHANNEL_WARMTH)
        timing = 0.9 * early if self.hot else -2.2 * early
        ripening = -0.035 * hours if self.phone else 1.2 * (1.0 - math.exp(-hours / 10.0)) - 0.4
        share = contact.discount_minor / self.value_minor if self.value_minor else 0.0
        offer = 14.0 * self.thrift * share / (1.0 + 2.0 * share)
        if contact.free_shipping:
            matters = self.value_minor < _FREE_SHIPPING_MATTERS_BELOW_MINOR
            offer = (0.75 if matters else 0.1) * (0.3 + 0.7 * self.thrift)
        return warmth + timing + ripening + offer


def organic_share(hours: float) -> float:
    """Of those who buy without contact, the share who have by then."""
    return _truncated_exponential(hours, _ORGANIC_MEAN_HOURS, WINDOW_HOURS)


def organic_hours(draw: float) -> float:
    """Inverse of `organic_share`."""
    reach = 1.0 - math.exp(-WINDOW_HOURS / _ORGANIC_MEAN_HOURS)
    return -_ORGANIC_MEAN_HOURS * math.log(1.0 - draw * reach)


def after_contact_share(hours: float, hours_left: float) -> float:
    """Of those who buy after a contact, the share who have so many hours after it."""
    return _truncated_exponential(hours, _AFTER_CONTACT_MEAN_HOURS, max(hours_left, 1e-3))


def _truncated_exponential(hours: float, mean: float, limit: float) -> float:
    within = 1.0 - math.exp(-min(max(hours, 0.0), limit) / mean)
    return within / (1.0 - math.exp(-limit / mean))
