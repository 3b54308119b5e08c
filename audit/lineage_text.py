"""The lineage of a decision as text: a story from the first event to the order."""

from audit.amounts import moment, money, share
from audit.lineage import Lineage, Step, Weighed


def render_lineage(lineage: Lineage) -> str:
    """The lineage as text, without a line end after the last line."""
    sections = [_head(lineage), _events(lineage), _weighed(lineage), _choice(lineage), _consequences(lineage)]
    return "\n\n".join("\n".join(section) for section in sections)


def _head(lineage: Lineage) -> list[str]:
    value = "a cart without prices"
    if lineage.cart_value_minor is not None:
        value = f"a cart of {money(lineage.cart_value_minor, lineage.currency_code)}"
    abandoned = ""
    if lineage.abandonment_micros is not None:
        abandoned = f", abandoned {moment(lineage.abandonment_micros)}"
    return [
        f"Decision {lineage.decision_id}",
        f"  taken {moment(lineage.clock_micros)} in storefront {lineage.storefront_id}, because of {lineage.trigger}",
        f"  about {value}{abandoned}, touch {lineage.touch}",
        f"  journal sequence {lineage.sequence:,}; it saw everything up to {lineage.state_sequence:,}",
        f"  bundle {lineage.bundle_id}, engine {lineage.engine_version}, seed {lineage.seed:016x},"
        f" budget prices {lineage.budget_price_version}",
    ]


def _steps(steps: tuple[Step, ...]) -> list[str]:
    return [f"  {step.sequence:>10,}  {moment(step.micros)}  {step.words}" for step in steps]


def _events(lineage: Lineage) -> list[str]:
    rows = ["What led to it"]
    if lineage.earlier_events:
        rows.append(f"  ({lineage.earlier_events:,} earlier events of this customer are left out)")
    return rows + (_steps(lineage.events) or ["  nothing that the journal knows of"])


def _weighed(lineage: Lineage) -> list[str]:
    width = max(len(candidate.action_id) for candidate in lineage.candidates)
    rows = ["What was weighed", f"    {'action':<{width}}  {'P(buy)':>7}  {'value':>14}  {'chance':>7}"]
    for index, candidate in enumerate(lineage.candidates):
        mark = "→" if index == lineage.chosen else " "
        rows.append(f"  {mark} {_candidate(candidate, width, lineage.currency_code)}".rstrip())
    return rows


def _candidate(candidate: Weighed, width: int, currency_code: str) -> str:
    value = money(candidate.value_minor, currency_code, signed=True)
    return (
        f"{candidate.action_id:<{width}}  {share(candidate.recovery_probability):>7}  {value:>14}"
        f"  {share(candidate.propensity):>7}  {'; '.join(candidate.reasons)}"
    )


def _choice(lineage: Lineage) -> list[str]:
    chosen = lineage.candidates[lineage.chosen]
    rows = ["What was chosen"]
    if lineage.drawn_range is not None:
        low, high = lineage.drawn_range
        rows.append(f"  the draw {lineage.draw:.6f} fell into [{low:.6f}, {high:.6f}), the part of {chosen.action_id}")
    if lineage.silence:
        rows.append(f"  {chosen.action_id}: {lineage.silence}")
    else:
        offer = f" with offer {chosen.offer_id}" if chosen.offer_id else ""
        rows.append(f"  {chosen.action_id} by {chosen.channel}{offer}")
    if lineage.repeated_at:
        rows.append(f"  asked again at {', '.join(f'{each:,}' for each in lineage.repeated_at)}: the same answer held")
    return rows


def _consequences(lineage: Lineage) -> list[str]:
    return ["What came of it", *(_steps(lineage.consequences) or ["  nothing that the journal knows of yet"])]
