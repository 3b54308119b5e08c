"""A capacity report for people: as text, and as one HTML page with its curves."""

import html
from statistics import median

from loadtests.capacity import IN_TIME_SHARE, QUANTILES, Capacity, Step

_WIDTH, _HEIGHT, _MARGIN = 720, 300, 50
_COLOURS = ("#1b6ca8", "#2e9e6b", "#d9822b", "#b8336a")


def render(capacity: Capacity) -> str:
    """The report as text."""
    plan = capacity.plan
    columns = f"{'offered/s':>10}{'answered/s':>12}{'in time':>9}{'refused':>9}"
    rows = [f"{columns}{'p50 ms':>9}{'p99 ms':>9}{'p99.9 ms':>10}{'late ms':>9}{'CPU µs':>8}{'spool':>9}"]
    rows += [_row(step) for step in sorted(capacity.steps, key=lambda step: step.offered)]
    where = ", ".join(f"{name} {value}" for name, value in capacity.machine.items())
    return "\n".join(
        [
            headline(capacity),
            "",
            *rows,
            "In time: answered within the objective, of all calls of the kind where that is less.",
            "Late: by how much the generator itself began calls too late, p99; the latencies hold it.",
            "Spool: messages by which what waits for the journal grew.",
            *_failures(capacity),
            *_half(capacity),
            *_overload(capacity),
            "",
            f"{plan.front} front, objective_ms {plan.slo_p99_ms:g}; {_placement(capacity)}; {where}",
        ]
    )


def headline(capacity: Capacity) -> str:
    """What a planner takes away."""
    plan, sustained = capacity.plan, capacity.sustained
    if sustained is None or capacity.cores is None:
        return f"Not even {plan.first_rate:,.0f} calls a second were kept up within {plan.slo_p99_ms:g} ms."
    return (
        f"{sustained.answered:,.0f} calls a second, nine Track to one Score, kept up for {sustained.seconds:.0f} s, "
        f"{IN_TIME_SHARE:.0%} answered within {plan.slo_p99_ms:g} ms, need {capacity.cores:.2f} cores for the scorer "
        f"({sustained.cpu_micros:.0f} µs a call)."
    )


def page(capacity: Capacity) -> str:
    """The report as one HTML page that needs nothing else."""
    steps = sorted(capacity.steps, key=lambda step: step.offered)
    latency = {name: [(step.offered, _worst(step, name) / 1000) for step in steps] for name in QUANTILES}
    cpu = {"CPU per call": [(step.offered, step.cpu_micros) for step in steps]}
    name, words = html.escape(capacity.plan.front), html.escape(headline(capacity))
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Capacity of a scorer</title>"
        "<style>body{font:16px/1.5 system-ui;max-width:50em;margin:2em auto;padding:0 1em}"
        "pre{overflow-x:auto;background:#f4f4f4;padding:1em;font-size:13px}</style>"
        f"<h1>Capacity of a scorer, {name} front</h1><p><b>{words}</b></p>"
        "<p>Calls begin at random moments, whatever became of earlier ones, and are timed from the moment when they "
        f"should have begun. On this machine: {html.escape(_placement(capacity))}.</p>"
        f"<h2>Latency against offered load, slower kind of call</h2>{_plot(latency, 'milliseconds')}"
        f"<h2>CPU time of the scorer per call</h2>{_plot(cpu, 'microseconds')}"
        f"<h2>All steps</h2><pre>{html.escape(render(capacity))}</pre></html>"
    )


def _placement(capacity: Capacity) -> str:
    stalls = capacity.placement.stalls
    return (
        f"{capacity.placement.words}; before the load, a loop on the scorer's processor was kept waiting for "
        f"{stalls.share:.1%} of the time, {stalls.longest_ms:.1f} ms at the longest"
    )


def _worst(step: Step, quantile: str) -> int:
    return max(kind[quantile] for kind in step.latency_micros.values())


def _row(step: Step) -> str:
    latencies = [_worst(step, name) / 1000 for name in ("p50", "p99", "p99.9")]
    late = step.lateness_p99_micros / 1000
    return (
        f"{step.offered:>10,.0f}{step.answered:>12,.0f}{step.in_time_share:>9.2%}{step.refused_share:>9.2%}{latencies[0]:>9.2f}"
        f"{latencies[1]:>9.2f}{latencies[2]:>10.2f}{late:>9.2f}{step.cpu_micros:>8.0f}{step.spool_growth:>+9,.0f}"
    )


def _failures(capacity: Capacity) -> list[str]:
    steps = [*capacity.steps, *([capacity.overload.step] if capacity.overload else [])]
    # Each once, in the order in which they came.
    failures = dict.fromkeys(step.first_failure for step in steps if step.failed)
    failed = sum(step.failed for step in steps)
    return [f"Of all, {failed:,} calls failed, with:", *(f"  {failure}" for failure in failures)] if failed else []


def _half(capacity: Capacity) -> list[str]:
    if not capacity.half:
        return []
    offered, spread = capacity.half[0].offered, median(step.spread for step in capacity.half)
    return ["", f"At half of it, {offered:,.0f} calls a second, p99 is {spread:.1f} times p50."]


def _overload(capacity: Capacity) -> list[str]:
    overload = capacity.overload
    if overload is None:
        return []
    step = overload.step
    before, after = (held / (1 << 20) for held in (overload.resident_bytes_before, overload.resident_bytes_after))
    half = capacity.half_bytes_per_call
    at_half = "" if half is None else f", {half:,.0f} at half of the rate"
    late, recovery = step.lateness_p99_micros / 1000, overload.recovery_seconds
    again = (
        "not within the objective again" if recovery is None else f"within the objective again after {recovery:.1f} s"
    )
    return [
        "",
        f"Overload: {step.offered:,.0f} calls a second for {step.seconds:.0f} s: {step.answered:,.0f} answered,",
        f"their p99 {step.p99_micros / 1000:.1f} ms, that of the generator's lateness {late:.1f} ms;",
        f"{step.refused_share:.0%} refused, {step.failed:,} failed, {step.dropped:,} not made.",
        f"Memory {before:,.0f} MiB before, {after:,.0f} MiB after, once all is folded,",
        f"{overload.bytes_per_call:,.0f} bytes an answered call{at_half};",
        f"{again}.",
    ]


def _plot(curves: dict[str, list[tuple[float, float]]], unit: str) -> str:
    points = [point for curve in curves.values() for point in curve]
    right, top = max(x for x, _ in points), max(y for _, y in points) or 1.0
    named = enumerate(zip(curves.items(), _COLOURS, strict=False))
    body = "".join(_curve(name, curve, colour, index, right, top) for index, ((name, curve), colour) in named)
    axes = (
        f"<path d='M{_MARGIN} 10V{_HEIGHT - _MARGIN}H{_WIDTH - 10}' fill='none' stroke='#555'/>"
        f"<text x='{_WIDTH - 10}' y='{_HEIGHT - 10}' text-anchor='end'>{right:,.0f} calls a second offered</text>"
        f"<text x='{_MARGIN + 6}' y='22'>{top:,.2f} {unit}</text><text x='{_MARGIN}' y='{_HEIGHT - 10}'>0</text>"
    )
    return f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' font-size='13'>{axes}{body}</svg>"


def _curve(name: str, curve: list[tuple[float, float]], colour: str, index: int, right: float, top: float) -> str:
    across, up = _WIDTH - _MARGIN - 10, _HEIGHT - _MARGIN - 10
    places = [(_MARGIN + x / right * across, _HEIGHT - _MARGIN - y / top * up) for x, y in curve]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in places)
    label = f"<text x='{_MARGIN + 120}' y='{24 + index * 18}' fill='{colour}'>{html.escape(name)}</text>"
    return f"<polyline points='{line}' fill='none' stroke='{colour}' stroke-width='2'/>{dots}{label}"
