"""What each reported redemption came to and which order it belongs to, and so what every order cost in discounts."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from audit.amounts import counted
from audit.customers import Customers
from audit.facts import Facts, Order, Redemption
from audit.unavailable import Unavailable

# A shop reports a redemption when the order is placed, or in a batch of the same day.
_FARTHEST_MICROS = 24 * 3600 * 1_000_000


class Redemptions:
    """Gives every redemption to at most one order; built once over all of both."""

    def __init__(self, facts: Facts, customers: Customers) -> None:
        self._facts = facts
        self._customers = customers
        self._by_cart: dict[tuple[str, str], list[Order]] = defaultdict(list)
        self._by_customer: dict[tuple[str, bytes], list[Order]] = defaultdict(list)
        # Cancelled orders too: what was redeemed for one of them was not redeemed for the customer's next order.
        for order in facts.orders.values():
            if order.cart_id:
                self._by_cart[order.storefront_id, order.cart_id].append(order)
            if (customer := customers.of_order(order)) is not None:
                self._by_customer[order.storefront_id, customer].append(order)
        self._all = [self._filled(redemption) for redemption in facts.redemptions]
        self._by_order: dict[tuple[str, str], list[Redemption]] = defaultdict(list)
        for redemption in self._all:
            # Without an order there is no margin from which a redemption could be taken; it is a discount cost only.
            if (found := self._order_of(redemption)) is not None:
                self._by_order[found.storefront_id, found.order_id].append(redemption)

    @property
    def currencies(self) -> set[str]:
        """Of all amounts that are known."""
        return {redemption.currency_code for redemption in self._all if redemption.discount_minor is not None}

    def total_minor(self) -> int | Unavailable:
        """What all redemptions come to."""
        total = _sum(self._all)
        if total is None:
            silent = sum(redemption.discount_minor is None for redemption in self._all)
            return Unavailable(f"{counted(silent, 'redemption')} without an amount")
        return total

    def reported(self, order: Order) -> bool:
        """Whether the shop reported a redemption for the order."""
        return (order.storefront_id, order.order_id) in self._by_order

    def discount_minor(self, order: Order) -> int | None:
        """What the order cost in discounts; None where it redeemed an unknown amount.

        The order's own discount mostly is what was redeemed, so their sum would count the same money twice; waived
        shipping stands in the redemption alone, a public code in the order alone. Hence the larger of the two.
        """
        redeemed = _sum(self._by_order.get((order.storefront_id, order.order_id), []))
        return None if redeemed is None else max(order.discount_minor, redeemed)

    def _filled(self, redemption: Redemption) -> Redemption:
        """With the amount that the decision took the offer to be worth, where the shop says none."""
        decision = self._facts.decisions.get(redemption.decision_id)
        if redemption.discount_minor is not None or decision is None or decision.offer_id != redemption.offer_id:
            return redemption
        return replace(redemption, discount_minor=decision.discount_minor, currency_code=decision.currency_code)

    def _order_of(self, redemption: Redemption) -> Order | None:
        """The nearest order in time of the cart that the offer was made for, else of the customer.

        The cart goes first: somebody may place two orders in a day. Not every shop says of which cart an order is, nor
        of which decision a redemption, so that the customer has to do there.
        """
        for orders in self._candidates(redemption):
            near = [order for order in orders if abs(order.micros - redemption.micros) <= _FARTHEST_MICROS]
            if near:
                # At the same distance the later one: redeeming comes before ordering.
                return min(near, key=lambda order: (abs(order.micros - redemption.micros), -order.micros))
        return None

    def _candidates(self, redemption: Redemption) -> Iterator[list[Order]]:
        """Orders of the decision's cart, of the customer who redeemed, of the customer the decision was about."""
        storefront_id = redemption.storefront_id
        decision = self._facts.decisions.get(redemption.decision_id)
        if decision is not None:
            yield self._by_cart.get((storefront_id, decision.cart_id), [])
        for customer in (
            self._customers.of_aliases(redemption.aliases),
            self._customers.of_decision(decision) if decision is not None else None,
        ):
            if customer is not None:
                yield self._by_customer.get((storefront_id, customer), [])


def _sum(redemptions: list[Redemption]) -> int | None:
    """What they come to; None where the amount of one is unknown."""
    total = 0
    for redemption in redemptions:
        if redemption.discount_minor is None:
            return None
        total += redemption.discount_minor
    return total
