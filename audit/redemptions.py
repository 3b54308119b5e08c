"""Which order each reported redemption belongs to, and so what every order cost in discounts."""

from collections import defaultdict
from collections.abc import Iterator

from audit.customers import Customers
from audit.facts import Facts, Order, Redemption

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
        self._redeemed: dict[tuple[str, str], int] = defaultdict(int)
        for redemption in facts.redemptions:
            # Without an order there is no margin from which a redemption could be taken; it is a discount cost only.
            if (found := self._order_of(redemption)) is not None:
                self._redeemed[found.storefront_id, found.order_id] += redemption.discount_minor

    def reported(self, order: Order) -> bool:
        """Whether the shop reported a redemption for the order."""
        return (order.storefront_id, order.order_id) in self._redeemed

    def discount_minor(self, order: Order) -> int:
        """What the order cost in discounts.

        The order's own discount mostly is what was redeemed, so their sum would count the same money twice; waived
        shipping stands in the redemption alone, a public code in the order alone. Hence the larger of the two.
        """
        return max(order.discount_minor, self._redeemed.get((order.storefront_id, order.order_id), 0))

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
