"""What a run's decisions were worth by the shop's truth: against doing nothing and against one who knows the truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cart_recovery.v1.decision_pb2 import Candidate, DecisionRecord
from training.simulator.run import Run
from training.simulator.shop import Shop
from training.simulator.truth import CartTruth, Contact

_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class OracleFigures:
    """Means over first-touch decisions in which a contact was eligible and the shopper was not held out.

    Values are expected margin in minor units per cart, discount and contact cost taken off. "Best" is the candidate
    that the engine valued highest, "drawn" the one it took after exploration.
    """

    carts: int
    value_none: float
    value_best: float
    value_drawn: float
    value_constant: float
    """The best single action for everybody."""
    value_oracle: float
    contacted_harmed: float
    """Share of the carts of harmed shoppers whose best candidate is a contact."""
    contacted_rest: float
    contacted_harmed_drawn: float
    contacted_rest_drawn: float

    def share_of_gap(self, value: float) -> float:
        """How much of the way from doing nothing to the oracle a value is."""
        gap = self.value_oracle - self.value_none
        return (value - self.value_none) / gap if gap > 0 else float("nan")

    @property
    def share_best(self) -> float:
        """Share of the gap that the best candidates earn."""
        return self.share_of_gap(self.value_best)


def measure(shop: Shop, run: Run, *, from_micros: int = 0) -> OracleFigures | None:
    """Figures of the decisions taken from then on; None where there are none to measure."""
    rows = []
    for record in run.decisions:
        if record.clock.ToMicroseconds() < from_micros or record.touch > 1 or record.holdout:
            continue
        truth = shop.truth(run.cart_ids.get(record.request.cart_id, ""))
        if truth is not None and sum(candidate.eligible for candidate in record.candidates) > 1:
            rows.append((truth.harmed, *_values(truth, record)))
    if not rows:
        return None
    harmed = np.array([row[0] for row in rows])
    values = np.stack([row[1] for row in rows])
    eligible = ~np.isnan(values)
    best = np.array([row[2] for row in rows])
    drawn = np.array([row[3] for row in rows])
    everyone = np.arange(len(rows))
    # An action that is not eligible for a cart leaves that cart alone.
    constant = np.where(eligible, values, values[:, :1]).mean(axis=0)
    return OracleFigures(
        carts=len(rows),
        value_none=float(values[:, 0].mean()),
        value_best=float(values[everyone, best].mean()),
        value_drawn=float(values[everyone, drawn].mean()),
        value_constant=float(constant.max()),
        value_oracle=float(np.nanmax(values, axis=1).mean()),
        contacted_harmed=_share(best > 0, harmed),
        contacted_rest=_share(best > 0, ~harmed),
        contacted_harmed_drawn=_share(drawn > 0, harmed),
        contacted_rest_drawn=_share(drawn > 0, ~harmed),
    )


def _values(truth: CartTruth, record: DecisionRecord) -> tuple[NDArray[np.float64], int, int]:
    values = [_value(truth, candidate) for candidate in record.candidates]
    worth = [candidate.value_minor if candidate.eligible else -np.inf for candidate in record.candidates]
    return np.array(values), int(np.argmax(worth)), record.chosen


def _value(truth: CartTruth, candidate: Candidate) -> float:
    if not candidate.eligible:
        return float("nan")
    action = candidate.action
    if action.action_id == "none":
        return truth.value_minor_of(None)
    delay = max(0.0, (action.send_time.ToMicroseconds() - truth.left_micros) / _HOUR)
    contact = Contact(action.channel, action.discount_minor, action.free_shipping, delay)
    return truth.value_minor_of(contact, candidate.contact_cost_minor)


def _share(contacted: NDArray[np.bool_], group: NDArray[np.bool_]) -> float:
    return float(contacted[group].mean()) if group.any() else float("nan")
