"""Which abandoned carts were recovered, and which touch, if any, gets the credit."""

from collections import defaultdict
from dataclasses import dataclass

from audit.customers import Customers
from audit.facts import Abandonment, Facts, Order, Send
from audit.terms import Terms
from cart_recovery.v1.channel_pb2 import Channel

_DAY_MICROS = 24 * 3600 * 1_000_000
# How long a click or an open may precede an order that it is credited with.
_CLICK_MICROS = {
    Channel.CHANNEL_EMAIL: 5 * _DAY_MICROS,
    Channel.CHANNEL_SMS: _DAY_MICROS,
    Channel.CHANNEL_PUSH: _DAY_MICROS,
}
_OPEN_MICROS = {Channel.CHANNEL_EMAIL: _DAY_MICROS}


@dataclass(frozen=True, slots=True)
class Recovery:
    """The first order that recovered an abandoned cart."""

    order: Order
    credited: Send | None
    """The last touch that was clicked or opened in time."""


class Recoveries:
    """Finds the recovery of an abandonment; built once over all orders."""

    def __init__(self, facts: Facts, customers: Customers) -> None:
        self._customers = customers
        self._by_customer: dict[bytes, list[Order]] = defaultdict(list)
        self._by_cart: dict[tuple[str, str], list[Order]] = defaultdict(list)
        for order in sorted(facts.orders.values(), key=lambda order: order.micros):
            if order.cancelled:
                continue
            if (customer := customers.of_order(order)) is not None:
                self._by_customer[customer].append(order)
            if order.cart_id:
                self._by_cart[order.storefront_id, order.cart_id].append(order)
        self._starts: dict[tuple[str, str], list[int]] = defaultdict(list)
        for storefront_id, cart_id, start in facts.abandonments:
            self._starts[storefront_id, cart_id].append(start)
        self._sends: dict[str, list[Send]] = defaultdict(list)
        for send in facts.sends.values():
            self._sends[send.decision_id].append(send)

    def of(self, abandonment: Abandonment, terms: Terms) -> Recovery | None:
        """The recovery, or None. An order recovers the latest abandonment of a cart only."""
        cart = (abandonment.storefront_id, abandonment.cart_id)
        end = abandonment.micros + terms.attribution_window_seconds * 1_000_000
        later = [start for start in self._starts[cart] if start > abandonment.micros]
        end = min([end, *(start - 1 for start in later)])
        customer = self._customers.of_decision(abandonment.decisions[0])
        same_customer = self._by_customer.get(customer, []) if customer is not None else []
        orders = self._by_cart.get(cart, []) + [
            order
            for order in same_customer
            if order.storefront_id == abandonment.storefront_id and order.products & abandonment.products
        ]
        orders = [order for order in orders if abandonment.micros < order.micros <= end]
        if not orders:
            return None
        order = min(orders, key=lambda order: order.micros)
        return Recovery(order, self._credited(abandonment, order))

    def _credited(self, abandonment: Abandonment, order: Order) -> Send | None:
        touches = [
            (last, send)
            for decision in abandonment.decisions
            for send in self._sends[decision.decision_id]
            if (last := _last_response(send, order.micros)) is not None
        ]
        return max(touches, key=lambda touch: touch[0])[1] if touches else None


def _last_response(send: Send, order_micros: int) -> int | None:
    """When the touch was last clicked or opened, not too long before the order."""
    clicks = [at for at in send.click_micros if 0 <= order_micros - at <= _CLICK_MICROS.get(send.channel, 0)]
    opens = [at for at in send.open_micros if 0 <= order_micros - at <= _OPEN_MICROS.get(send.channel, 0)]
    return max(clicks + opens, default=None)
