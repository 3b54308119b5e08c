"""Adds up, per customer and in all, what the abandoned carts, sends and orders of a journal earned and cost."""

from statistics import fmean
from typing import TypeVar

from audit.amounts import counted
from audit.customers import Customers
from audit.facts import Abandonment, Facts, Order, Send, Worth
from audit.interval import AmountCount, Difference, difference, ratio_difference
from audit.recovery import Recovery
from audit.redemptions import Redemptions
from audit.terms import terms_of
from audit.unavailable import Unavailable
from cart_recovery.v1.policy_pb2 import Policy

Arms = tuple[list[float], list[float]]
"""One value per customer: treated, held out."""

_T = TypeVar("_T")


class Accounts:
    """Intention to treat: a customer counts in the arm drawn at the first eligible occasion, with everything after."""

    def __init__(
        self,
        facts: Facts,
        customers: Customers,
        policy: Policy,
        abandonments: list[tuple[Abandonment, Recovery | None]],
    ) -> None:
        self._facts = facts
        self._customers = customers
        self._policy = policy
        self._abandonments = abandonments
        self._redemptions = Redemptions(facts, customers)
        self.treated = sum(not customer.holdout for customer in customers.assigned.values())
        self.held_out = len(customers.assigned) - self.treated
        self.sent = [send for send in facts.sends.values() if send.sent_micros is not None]
        self._sent_by_decision: dict[str, list[Send]] = {}
        for send in self.sent:
            self._sent_by_decision.setdefault(send.decision_id, []).append(send)
        # One for each message: a decision may have sent several.
        self._sent_decisions = [
            facts.decisions[send.decision_id] for send in self.sent if send.decision_id in facts.decisions
        ]
        self.contacted = [each for each, _ in abandonments if self.actions_sent(each)]
        self.currency = self._currency()
        self._valued = self._valued_orders()
        self.contact_cost_minor = self._contact_cost()
        self.discount_cost_minor = self._discount_cost()
        self.treated_abandonments = sum(
            (owner := self._assigned(each)) is not None and not customers.assigned[owner].holdout
            for each, _ in abandonments
        )

    def action_of(self, send: Send) -> str:
        """The action a send carried out."""
        return self._facts.decisions[send.decision_id].action_id

    def actions_sent(self, abandonment: Abandonment) -> set[str]:
        """The actions of which a message was sent for the abandoned cart."""
        return {
            decision.action_id for decision in abandonment.decisions if decision.decision_id in self._sent_by_decision
        }

    def waits_seconds(self) -> list[float]:
        """Send time minus abandonment time, of every message of an abandoned cart."""
        return [
            (send.sent_micros - abandonment.micros) / 1e6
            for abandonment, _ in self._abandonments
            for decision in abandonment.decisions
            for send in self._sent_by_decision.get(decision.decision_id, [])
            if send.sent_micros is not None
        ]

    def holdout_share(self, policy: Policy) -> float:
        """The share that the policies of the abandoned carts' storefronts draw, weighted by their eligible carts."""
        shares = [terms_of(policy, each.storefront_id).holdout_share for each, _ in self._abandonments if each.eligible]
        return fmean(shares) if shares else terms_of(policy, self._facts.storefront_id).holdout_share

    def spend_minor(self) -> float | Unavailable:
        """Discount cost and contact cost."""
        discount, contact = self.discount_cost_minor, self.contact_cost_minor
        if isinstance(discount, Unavailable):
            return discount
        return contact if isinstance(contact, Unavailable) else discount + contact

    def recovered_by_arm(self) -> Arms:
        """Recovered carts of each customer, of abandonments since the draw."""
        totals = dict.fromkeys(self._customers.assigned, 0.0)
        for abandonment, recovery in self._abandonments:
            owner = self._assigned(abandonment)
            if recovery is not None and owner is not None:
                totals[owner] += 1
        return self._arms(totals)

    def revenue_difference(self) -> Difference | Unavailable:
        """Revenue of each customer since the draw, treated minus held out."""
        if isinstance(self._valued, Unavailable):
            return self._valued
        totals = dict.fromkeys(self._customers.assigned, 0.0)
        for owner, order, worth in self._valued:
            totals[owner] += worth.revenue_minor - order.refunded_minor
        return difference(*self._arms(totals))

    def order_value_difference(self) -> Difference | Unavailable:
        """Revenue per order since the draw, treated minus held out."""
        if isinstance(self._valued, Unavailable):
            return self._valued
        totals: dict[bytes, AmountCount] = dict.fromkeys(self._customers.assigned, (0.0, 0))
        for owner, _, worth in self._valued:
            value, count = totals[owner]
            totals[owner] = (value + worth.revenue_minor, count + 1)
        return ratio_difference(*self._arms(totals))

    def margin_difference(self) -> Difference | Unavailable:
        """Net margin of each customer since the draw, treated minus held out."""
        if isinstance(self._valued, Unavailable):
            return self._valued
        totals = dict.fromkeys(self._customers.assigned, 0.0)
        for owner, order, worth in self._valued:
            margin = self._margin(order, worth)
            if isinstance(margin, Unavailable):
                return margin
            totals[owner] += margin
        for decision in self._sent_decisions:
            customer = self._customers.of_decision(decision)
            if customer in totals:
                totals[customer] -= decision.contact_cost_minor
        return difference(*self._arms(totals))

    def _margin(self, order: Order, worth: Worth) -> float | Unavailable:
        """Margin less discount and expected returns."""
        terms = terms_of(self._policy, order.storefront_id)
        if worth.uncosted_minor and terms.margin_share is None:
            return Unavailable("the cost of ordered products is unknown and the policy names no margin share")
        discount = self._redemptions.discount_minor(order)
        if discount is None:
            return Unavailable("what was redeemed for an order is unknown")
        margin = worth.known_margin_minor + worth.uncosted_minor * (terms.margin_share or 0.0)
        return margin * (1 - terms.return_share) - discount

    def _valued_orders(self) -> list[tuple[bytes, Order, Worth]] | Unavailable:
        """The orders that count, with what each brought: one of unknown worth would pass for one of no worth."""
        if isinstance(self.currency, Unavailable):
            return self.currency
        orders = self._orders()
        valued = [(owner, order, order.worth) for owner, order in orders if order.worth is not None]
        unpriced = len(orders) - len(valued)
        return Unavailable(f"{counted(unpriced, 'order')} without a known price") if unpriced else valued

    def _orders(self) -> list[tuple[bytes, Order]]:
        """Orders of assigned customers since their draw, cancelled ones left out."""
        found = []
        for order in self._facts.orders.values():
            owner = self._customers.of_order(order)
            if owner is None or order.cancelled:
                continue
            customer = self._customers.assigned.get(owner)
            if customer is not None and order.micros >= customer.assigned_micros:
                found.append((owner, order))
        return found

    def _assigned(self, abandonment: Abandonment) -> bytes | None:
        """The customer of an abandonment since the draw."""
        owner = self._customers.of_decision(abandonment.decisions[0])
        if owner is None or owner not in self._customers.assigned:
            return None
        drawn = self._customers.assigned[owner].assigned_micros
        return owner if abandonment.decisions[0].clock_micros >= drawn else None

    def _arms(self, totals: dict[bytes, _T]) -> tuple[list[_T], list[_T]]:
        treated: list[_T] = []
        held_out: list[_T] = []
        for owner, total in totals.items():
            (held_out if self._customers.assigned[owner].holdout else treated).append(total)
        return treated, held_out

    def _currency(self) -> str | Unavailable:
        ordered = {
            order.currency_code or self._own_currency(order.storefront_id)
            for order in self._facts.orders.values()
            if order.worth is not None
        }
        # A message costs in the currency of its storefront.
        contacted = {self._own_currency(each.storefront_id) for each in self._sent_decisions if each.contact_cost_minor}
        currencies = ordered | contacted | self._redemptions.currencies
        asked = self._facts.storefront_id
        if len(currencies) > 1:
            remedy = "" if asked else "; ask for one storefront"
            return Unavailable(f"the amounts are in {', '.join(sorted(currencies))}{remedy}")
        return next(iter(currencies), self._own_currency(asked))

    def _own_currency(self, storefront_id: str) -> str:
        return terms_of(self._policy, storefront_id).currency_code

    def _contact_cost(self) -> float | Unavailable:
        """What the sent messages cost."""
        if isinstance(self.currency, Unavailable):
            return self.currency
        return sum(decision.contact_cost_minor for decision in self._sent_decisions)

    def _discount_cost(self) -> int | Unavailable:
        """Redemptions reported as such, and orders with an offer code by customers who were sent an offer."""
        if isinstance(self.currency, Unavailable):
            return self.currency
        redeemed = self._redemptions.total_minor()
        return redeemed if isinstance(redeemed, Unavailable) else redeemed + self._inferred_discount()

    def _inferred_discount(self) -> int:
        """Discount of orders with an offer code whose redemption nobody reported."""
        reported = {each.decision_id for each in self._facts.redemptions}
        offered = self._offers_sent()
        inferred = 0
        for order in self._facts.orders.values():
            owner = self._customers.of_order(order)
            if order.cancelled or not order.with_offer_code or self._redemptions.reported(order) or owner is None:
                continue
            earlier = [sent for sent in offered.get(owner, []) if sent[0] <= order.micros]
            if earlier and max(earlier)[1] not in reported:
                inferred += order.discount_minor
        return inferred

    def _offers_sent(self) -> dict[bytes, list[tuple[int, str]]]:
        """Send time and decision of every offer sent, by customer."""
        offered: dict[bytes, list[tuple[int, str]]] = {}
        for send in self.sent:
            decision = self._facts.decisions.get(send.decision_id)
            customer = self._customers.of_decision(decision) if decision else None
            if decision is not None and decision.offer_id and customer is not None and send.sent_micros is not None:
                offered.setdefault(customer, []).append((send.sent_micros, decision.decision_id))
        return offered
