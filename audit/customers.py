"""Customers as the engine saw them: aliases that its decisions name together, and the arm each was drawn into."""

from collections.abc import Iterable
from dataclasses import dataclass

from audit.facts import Decision, Order


@dataclass(slots=True)
class Customer:
    """A customer from the first eligible occasion on."""

    assigned_micros: int
    holdout: bool
    crossed: bool = False
    """A later link brought the other arm in; the earliest arm holds."""


class Customers:
    """Joins the aliases of decisions; an alias that no decision names belongs to nobody here."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._parents: dict[bytes, bytes] = {}
        self.assigned: dict[bytes, Customer] = {}
        ordered = sorted(decisions, key=lambda decision: decision.clock_micros)
        for decision in ordered:
            for alias in decision.aliases:
                self._parents[self._root(alias)] = self._root(decision.aliases[0])
        for decision in ordered:
            if decision.arm is not None and decision.aliases:
                self._assign(self._root(decision.aliases[0]), decision.clock_micros, decision.arm)

    def _assign(self, root: bytes, clock_micros: int, holdout: bool) -> None:  # noqa: FBT001
        customer = self.assigned.setdefault(root, Customer(clock_micros, holdout))
        customer.crossed |= customer.holdout != holdout

    def _root(self, alias: bytes) -> bytes:
        self._parents.setdefault(alias, alias)
        while (parent := self._parents[alias]) != alias:
            self._parents[alias] = self._parents[parent]
            alias = parent
        return alias

    def of_decision(self, decision: Decision) -> bytes | None:
        """The customer a decision is about."""
        return self._root(decision.aliases[0]) if decision.aliases else None

    def of_order(self, order: Order) -> bytes | None:
        """The customer who ordered."""
        return self.of_aliases(order.aliases)

    def of_aliases(self, aliases: Iterable[bytes]) -> bytes | None:
        """The customer of the strongest identity key that any decision knows; the strongest comes first."""
        for alias in aliases:
            if alias in self._parents:
                return self._root(alias)
        return None
