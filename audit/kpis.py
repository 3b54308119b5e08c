"""The business figures of a journal, by the definitions in docs/figures.md.

A number that cannot be given is Unavailable with the reason, never zero. Money is in minor units of `currency_code`.
"""

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from audit.accounts import Accounts
from audit.customers import Customers
from audit.facts import Abandonment, Facts
from audit.interval import Difference, SampleRatio, difference, sample_ratio
from audit.journal import messages
from audit.recovery import Recoveries, Recovery
from audit.terms import terms_of
from audit.unavailable import Unavailable
from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.policy_pb2 import Policy
from cart_recovery.v1.reason_pb2 import Reason

_CLV_DAYS = 180


class StorefrontUnknown(Exception):
    """The journal names no such storefront; the message tells which it names."""


@dataclass(frozen=True)
class Latency:
    """How long Score took as its caller measured it, dry run: from the call to the answer, both on one machine. The
    journal does not know."""

    p50_micros: float
    p99_micros: float


@dataclass(frozen=True)
class ActionFigures:
    """What one action did. "none" is an action too."""

    action_id: str
    chosen: int
    """Abandoned carts whose first decision chose it."""
    contacted: int
    """Abandoned carts with at least one message of it sent."""
    recovered_any: int
    """Of those: contacted carts, or chosen carts where the action is "none"."""
    recovered_attributed: int
    """Recoveries credited to a message of it: the last one clicked or opened in time."""


@dataclass(frozen=True)
class Guardrails:
    """Harm to watch: the first four per message sent or order."""

    unsubscribe_rate: float | Unavailable
    complaint_rate: float | Unavailable
    bounce_rate: float | Unavailable
    refund_rate: float | Unavailable
    support_contact_rate: Unavailable


@dataclass(frozen=True)
class Figures:
    """One readout. Counts are carts unless the name says otherwise."""

    storefront_id: str
    currency_code: str | Unavailable
    last_sequence: int
    first_micros: int
    last_micros: int
    abandoned: int
    eligible: int
    contacted: int
    held_out: int
    window_open: int
    """Abandoned carts whose attribution window the journal does not cover to its end yet."""
    actions: tuple[ActionFigures, ...]
    left_alone: dict[str, int]
    """Abandoned carts whose first decision chose "none", by name of the reason."""
    skipped: dict[str, int]
    """Touches not sent, by name of the reason."""
    messages_sent: int
    messages_crossed: int
    treated_customers: int
    held_out_customers: int
    crossed_customers: int
    sample_ratio: SampleRatio | Unavailable
    recovered_any: int
    recovered_attributed: int
    recovery_rate_any: float | Unavailable
    recovery_rate_attributed: float | Unavailable
    incremental_recovered: Difference | Unavailable
    recovery_rate_incremental: Difference | Unavailable
    """Incremental recovered carts per abandoned cart of the treated."""
    incremental_revenue: Difference | Unavailable
    incremental_margin: Difference | Unavailable
    order_value_uplift: Difference | Unavailable
    customer_value_uplift: Unavailable
    discount_cost_minor: int | Unavailable
    contact_cost_minor: float | Unavailable
    incremental_return_on_spend: Difference | Unavailable
    """Incremental revenue per minor unit of discount and contact cost."""
    cost_per_recovered_minor: float | Unavailable
    time_to_contact_p50_seconds: float | Unavailable
    time_to_contact_p90_seconds: float | Unavailable
    guardrails: Guardrails
    latency: Latency | Unavailable

    def as_json(self) -> dict[str, Any]:
        """The figures as JSON values; an unavailable number is `{"unavailable": reason}`."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}


def compute_figures(
    journal: pl.DataFrame, policy: Policy, *, storefront_id: str = "", latency: Latency | None = None
) -> Figures:
    """The figures of a journal of (sequence, payload), of one storefront or, where the id is empty, of all.

    Raises StorefrontUnknown.
    """
    facts = Facts(storefront_id)
    for sequence, message in messages(journal):
        facts.fold(sequence, message)
    if storefront_id and storefront_id not in facts.storefronts:
        known = ", ".join(sorted(facts.storefronts)) or "none"
        raise StorefrontUnknown(f"the journal names no storefront {storefront_id}; it names {known}")
    return figures_of(facts, policy, latency=latency)


def figures_of(facts: Facts, policy: Policy, *, latency: Latency | None = None) -> Figures:
    """The figures of what was collected."""
    customers = Customers(facts.decisions.values())
    recoveries = Recoveries(facts, customers)
    abandonments = list(facts.abandonments.values())
    recovered = [recoveries.of(each, terms_of(policy, each.storefront_id)) for each in abandonments]
    accounts = Accounts(facts, customers, policy, list(zip(abandonments, recovered, strict=True)))
    ratio = sample_ratio(accounts.treated, accounts.held_out, accounts.holdout_share(policy))
    blank = _blank(ratio)
    lift = blank or difference(*accounts.recovered_by_arm())
    revenue = blank or accounts.revenue_difference()
    spend = accounts.spend_minor()
    attributed = [each for each in recovered if each is not None and each.credited is not None]
    any_count = sum(each is not None for each in recovered)
    incremental_recovered = _times(lift, accounts.treated)
    incremental_revenue = _times(revenue, accounts.treated)
    waits = accounts.waits_seconds()
    return Figures(
        storefront_id=facts.storefront_id,
        currency_code=accounts.currency,
        last_sequence=facts.last_sequence,
        first_micros=facts.first_micros or 0,
        last_micros=facts.last_micros,
        abandoned=len(abandonments),
        eligible=sum(each.eligible for each in abandonments),
        contacted=len(accounts.contacted),
        held_out=sum(each.decisions[0].arm is True for each in abandonments),
        window_open=sum(
            facts.last_micros - each.micros
            < terms_of(policy, each.storefront_id).attribution_window_seconds * 1_000_000
            for each in abandonments
        ),
        actions=_actions(accounts, abandonments, recovered),
        left_alone=dict(
            Counter(Reason.Name(why) for each in abandonments if (why := each.decisions[0].silence) is not None)
        ),
        skipped=_skipped(facts),
        messages_sent=len(accounts.sent),
        messages_crossed=sum(send.crossed for send in accounts.sent),
        treated_customers=accounts.treated,
        held_out_customers=accounts.held_out,
        crossed_customers=sum(customer.crossed for customer in customers.assigned.values()),
        sample_ratio=ratio,
        recovered_any=any_count,
        recovered_attributed=len(attributed),
        recovery_rate_any=_share(any_count, len(abandonments), "no cart was abandoned"),
        recovery_rate_attributed=_share(len(attributed), len(abandonments), "no cart was abandoned"),
        incremental_recovered=incremental_recovered,
        recovery_rate_incremental=_times(incremental_recovered, 1 / max(1, accounts.treated_abandonments)),
        incremental_revenue=incremental_revenue,
        incremental_margin=_times(blank or accounts.margin_difference(), accounts.treated),
        order_value_uplift=blank or accounts.order_value_difference(),
        customer_value_uplift=Unavailable(f"it needs the margin of {_CLV_DAYS} days per customer"),
        discount_cost_minor=accounts.discount_cost_minor,
        contact_cost_minor=accounts.contact_cost_minor,
        incremental_return_on_spend=_return_on_spend(incremental_revenue, spend),
        cost_per_recovered_minor=_cost_per_recovered(incremental_recovered, spend),
        time_to_contact_p50_seconds=_quantile(waits, 0.5),
        time_to_contact_p90_seconds=_quantile(waits, 0.9),
        guardrails=_guardrails(facts, accounts),
        latency=latency or Unavailable("no caller measured it, and the journal does not hold it"),
    )


def _skipped(facts: Facts) -> dict[str, int]:
    """Reasons of the sends that never happened: a skipped one may have been sent by the decision that replaced it."""
    unsent = (send.skipped for send in facts.sends.values() if send.sent_micros is None)
    return dict(Counter(Reason.Name(reason) for reason in unsent if reason is not None))


def _blank(ratio: SampleRatio | Unavailable) -> Unavailable | None:
    """Why the readout is void, if it is."""
    if isinstance(ratio, SampleRatio) and ratio.mismatch:
        return Unavailable(
            f"sample-ratio mismatch: {ratio.held_out} customers held out where the share draws"
            f" {ratio.expected_held_out:.0f} (p = {ratio.p_value:.1e})"
        )
    return None


def _times(value: Difference | Unavailable, factor: float) -> Difference | Unavailable:
    return value.times(factor) if isinstance(value, Difference) else value


def _share(part: int, whole: int, otherwise: str) -> float | Unavailable:
    return part / whole if whole else Unavailable(otherwise)


def _quantile(values: list[float], probability: float) -> float | Unavailable:
    value = pl.Series(values, dtype=pl.Float64).quantile(probability, "linear")
    return Unavailable("no message was sent") if value is None else float(value)


def _return_on_spend(revenue: Difference | Unavailable, spend: float | Unavailable) -> Difference | Unavailable:
    if isinstance(spend, Unavailable):
        return spend
    return _times(revenue, 1 / spend) if spend > 0 else Unavailable("nothing was spent")


def _cost_per_recovered(recovered: Difference | Unavailable, spend: float | Unavailable) -> float | Unavailable:
    if isinstance(recovered, Unavailable):
        return recovered
    if isinstance(spend, Unavailable):
        return spend
    if recovered.low <= 0:
        return Unavailable("the interval of the incremental recovered carts reaches zero")
    return spend / recovered.estimate


def _actions(
    accounts: Accounts, abandonments: list[Abandonment], recovered: list[Recovery | None]
) -> tuple[ActionFigures, ...]:
    chosen: Counter[str] = Counter(each.decisions[0].action_id for each in abandonments)
    contacted: Counter[str] = Counter()
    recovered_any: Counter[str] = Counter()
    attributed: Counter[str] = Counter()
    silent = {each.decisions[0].action_id for each in abandonments if each.decisions[0].channel == Channel.CHANNEL_NONE}
    for abandonment, recovery in zip(abandonments, recovered, strict=True):
        sent = accounts.actions_sent(abandonment)
        contacted.update(sent)
        first = abandonment.decisions[0].action_id
        if recovery is not None:
            recovered_any.update(sent or {first} & silent)
            if recovery.credited is not None:
                attributed[accounts.action_of(recovery.credited)] += 1
    return tuple(
        ActionFigures(action, chosen[action], contacted[action], recovered_any[action], attributed[action])
        for action in sorted(chosen | contacted, key=lambda action: (action not in silent, action))
    )


def _guardrails(facts: Facts, accounts: Accounts) -> Guardrails:
    sent, count = accounts.sent, len(accounts.sent)
    unsent = "no message was sent"
    refunded = sum(order.refunded_minor > 0 for order in facts.orders.values())
    return Guardrails(
        unsubscribe_rate=_share(sum(send.unsubscribed for send in sent), count, unsent),
        complaint_rate=_share(sum(send.complained for send in sent), count, unsent),
        bounce_rate=_share(sum(send.bounced for send in sent), count, unsent),
        refund_rate=_share(refunded, len(facts.orders), "there was no order"),
        support_contact_rate=Unavailable("the journal has no event for a support contact"),
    )


def _plain(value: Any) -> Any:
    """JSON values of a figure."""
    if isinstance(value, Unavailable):
        return {"unavailable": value.reason}
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
