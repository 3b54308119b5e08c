"""The figures as a terminal table. An unavailable number stands there with its reason."""

from collections.abc import Callable
from typing import TypeVar

from audit.amounts import counted, duration, moment, money, share
from audit.eligibility import SILENCE_WORDS
from audit.interval import Difference, SampleRatio
from audit.kpis import Figures
from audit.reason_words import REASON_WORDS
from audit.unavailable import Unavailable
from cart_recovery.v1.reason_pb2 import Reason

_T = TypeVar("_T")

_LABEL_WIDTH = 34
_NUMBER_WIDTH = 12


def render_figures(figures: Figures) -> str:
    """The figures as text, without a line end after the last line."""
    sections = [
        _head(figures),
        _carts(figures),
        _actions(figures),
        _by_reason("Left alone, by reason", figures.left_alone, SILENCE_WORDS),
        _by_reason("Touches not sent, by reason", figures.skipped, REASON_WORDS),
        _effect(figures),
        _cost(figures),
        _guardrails(figures),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _head(figures: Figures) -> list[str]:
    where = f"storefront {figures.storefront_id}" if figures.storefront_id else "all storefronts"
    period = f"{moment(figures.first_micros)} to {moment(figures.last_micros)}"
    return [f"Figures of {where}", f"{period}, journal up to sequence {figures.last_sequence:,}"]


def _row(label: str, value: str, note: str = "") -> str:
    return f"  {label:<{_LABEL_WIDTH}}{value:>{_NUMBER_WIDTH}}{'   ' + note if note else ''}".rstrip()


def _measured(label: str, value: _T | Unavailable, words: Callable[[_T], str], note: str = "") -> str:
    if isinstance(value, Unavailable):
        return f"  {label:<{_LABEL_WIDTH}}{'unavailable':>{_NUMBER_WIDTH}}   {value.reason}"
    return _row(label, words(value), note)


def _carts(figures: Figures) -> list[str]:
    rows = [
        "Carts",
        _row("abandoned", f"{figures.abandoned:,}", _open_windows(figures)),
        _row("eligible", f"{figures.eligible:,}"),
        _row("contacted", f"{figures.contacted:,}", counted(figures.messages_sent, "message")),
        _row("held out", f"{figures.held_out:,}"),
        _measured("recovered (any)", figures.recovery_rate_any, share, counted(figures.recovered_any, "cart")),
        _measured(
            "recovered (attributed)",
            figures.recovery_rate_attributed,
            share,
            f"{counted(figures.recovered_attributed, 'cart')}, after a click or open",
        ),
        _measured("time to contact, p50", figures.time_to_contact_p50_seconds, duration),
        _measured("time to contact, p90", figures.time_to_contact_p90_seconds, duration),
    ]
    if figures.messages_crossed:
        rows.append(_row("crossed", f"{figures.messages_crossed:,}", "sent while an order or opt-out came in"))
    return rows


def _open_windows(figures: Figures) -> str:
    if not figures.window_open:
        return ""
    return f"{figures.window_open:,} with an attribution window that is still open"


def _actions(figures: Figures) -> list[str]:
    if not figures.actions:
        return []
    width = max(_LABEL_WIDTH, *(len(action.action_id) + 2 for action in figures.actions))
    head = "".join(f"{word:>{_NUMBER_WIDTH}}" for word in ("chosen", "contacted", "recovered", "attributed"))
    rows = ["By action", f"  {'':<{width}}{head}"]
    for action in figures.actions:
        counts = (action.chosen, action.contacted, action.recovered_any, action.recovered_attributed)
        rows.append(f"  {action.action_id:<{width}}" + "".join(f"{count:>{_NUMBER_WIDTH},}" for count in counts))
    return rows


def _by_reason(title: str, counts: dict[str, int], words: dict[int, str]) -> list[str]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [(words.get(Reason.Value(name), name), count) for name, count in ranked]
    width = max((len(text) + 2 for text, _ in told), default=0)
    rows = [f"  {text:<{max(width, _LABEL_WIDTH)}}{count:>{_NUMBER_WIDTH},}" for text, count in told]
    return [title, *rows] if rows else []


def _effect(figures: Figures) -> list[str]:
    def amount(value: float, *, signed: bool = True) -> str:
        return money(value, _currency(figures), signed=signed)

    def carts(value: float, *, signed: bool = True) -> str:
        return f"{value:{'+' if signed else ''},.1f}"

    def points(value: float, *, signed: bool = True) -> str:
        return f"{value * 100:{'+' if signed else ''}.2f} pp"

    sizes = f"{counted(figures.treated_customers, 'customer')} treated, {figures.held_out_customers:,} held out"
    if figures.crossed_customers:
        sizes += f", {figures.crossed_customers:,} crossed by a later link"
    return [
        f"Effect against the holdout, 95 % interval ({sizes})",
        _lift("incremental recovered carts", figures.incremental_recovered, carts),
        _lift("recovery rate, holdout-adjusted", figures.recovery_rate_incremental, points),
        _lift("incremental revenue", figures.incremental_revenue, amount),
        _lift("incremental margin", figures.incremental_margin, amount),
        _lift("order value uplift", figures.order_value_uplift, amount),
        _measured("customer value uplift", figures.customer_value_uplift, str),
        _sample_ratio(figures.sample_ratio),
    ]


def _lift(label: str, value: Difference | Unavailable, words: Callable[..., str]) -> str:
    if isinstance(value, Unavailable):
        return _measured(label, value, str)
    detectable = words(value.smallest_detectable, signed=False)
    note = f"{words(value.low)} to {words(value.high)}; detectable from {detectable}"
    return _row(label, words(value.estimate), note)


def _sample_ratio(ratio: SampleRatio | Unavailable) -> str:
    if isinstance(ratio, Unavailable):
        return _measured("sample ratio", ratio, str)
    verdict = "mismatch" if ratio.mismatch else "as drawn"
    note = f"{ratio.held_out:,} held out, {ratio.expected_held_out:,.1f} expected, p = {ratio.p_value:.3f}"
    return _row("sample ratio", verdict, note)


def _currency(figures: Figures) -> str:
    return figures.currency_code if isinstance(figures.currency_code, str) else ""


def _cost(figures: Figures) -> list[str]:
    def amount(value: float) -> str:
        return money(value, _currency(figures))

    def ratio(value: float, *, signed: bool = True) -> str:
        return f"{value:{'+' if signed else ''}.2f}"

    return [
        "Cost",
        _measured("discount", figures.discount_cost_minor, amount),
        _measured("contact", figures.contact_cost_minor, amount),
        _measured("per incremental recovered cart", figures.cost_per_recovered_minor, amount),
        _lift("incremental revenue per cost", figures.incremental_return_on_spend, ratio),
    ]


def _guardrails(figures: Figures) -> list[str]:
    rails = figures.guardrails
    rows = [
        "Guardrails",
        _measured("unsubscribed", rails.unsubscribe_rate, share, "of messages"),
        _measured("complained", rails.complaint_rate, share, "of messages"),
        _measured("bounced", rails.bounce_rate, share, "of messages"),
        _measured("refunded", rails.refund_rate, share, "of orders"),
        _measured("support contacts", rails.support_contact_rate, str),
    ]
    if isinstance(figures.latency, Unavailable):
        return [*rows, _measured("decision latency", figures.latency, str)]
    measured = "Score as the checkout measured it, dry run"
    return [
        *rows,
        _row("decision latency, p50", f"{figures.latency.p50_micros / 1000:.3f} ms", measured),
        _row("decision latency, p99", f"{figures.latency.p99_micros / 1000:.3f} ms", measured),
    ]
