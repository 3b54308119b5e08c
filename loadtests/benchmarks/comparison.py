"""What a comparison with peers found: the figures of every side over interleaved rounds, how they stand to each other,
and who could not take part. As JSON, and as the text that the terminal and the page show."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Self

import rust_features
from loadtests.benchmarks.machine import machine, today


class Unmeasured(Exception):
    """A side did not do what is to be measured, so there is no figure."""


@dataclass(frozen=True)
class Figure:
    """One figure of one side, in every round."""

    side: str
    name: str
    unit: str
    rounds: tuple[float, ...]


@dataclass(frozen=True)
class Goal:
    """A bound on our figure over a peer's; on the figure itself where no peer is named."""

    figure: str
    ours: str
    peer: str
    bound: float
    at_least: bool = False
    """Whether the ratio has to reach the bound, not to stay below it."""
    reason: str = ""
    """Where the time goes and what was tried: for whoever reads that the goal is missed."""


@dataclass(frozen=True)
class Ratio:
    """Our figure over the peer's, round by round."""

    goal: Goal
    median: float
    lowest: float
    highest: float

    @property
    def kept(self) -> bool:
        """Whether the median keeps the goal."""
        return self.median >= self.goal.bound if self.goal.at_least else self.median <= self.goal.bound


@dataclass(frozen=True)
class Comparison:
    """One comparison, complete."""

    name: str
    """Of the subcommand that repeats it."""
    title: str
    setting: str
    """What every side was given, in a paragraph."""
    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    figures: tuple[Figure, ...]
    goals: tuple[Goal, ...]
    missing: dict[str, str]
    """Peers that could not take part, with the reason."""

    def ratios(self) -> list[Ratio]:
        """One per goal whose peer took part."""
        rounds = {(figure.side, figure.name): figure.rounds for figure in self.figures}
        found = []
        for goal in self.goals:
            ours = rounds.get((goal.ours, goal.figure), ())
            peer = rounds.get((goal.peer, goal.figure), ()) if goal.peer else (1.0,) * len(ours)
            if ours and peer:
                each = [one / other for one, other in zip(ours, peer, strict=True)]
                found.append(Ratio(goal, median(each), min(each), max(each)))
        return found

    def as_json(self) -> dict[str, Any]:
        """JSON values, the ratios among them."""
        ratios = [asdict(ratio) | {"kept": ratio.kept} for ratio in self.ratios()]
        return asdict(self) | {"ratios": ratios}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """What `as_json` gave, back."""
        figures = tuple(Figure(**figure | {"rounds": tuple(figure["rounds"])}) for figure in plain["figures"])
        goals = tuple(Goal(**goal) for goal in plain["goals"])
        rest = {name: value for name, value in plain.items() if name != "ratios"}
        return cls(**rest | {"figures": figures, "goals": goals})


def without_peers(
    *, name: str, title: str, setting: str, figures: Iterable[Figure], goals: Iterable[Goal]
) -> Comparison:
    """What was found today, on this machine, about this engine alone."""
    return Comparison(
        name=name,
        title=title,
        setting=setting,
        date=today(),
        machine=machine(),
        versions={"engine": rust_features.ENGINE_VERSION},
        figures=tuple(figures),
        goals=tuple(goals),
        missing={},
    )


def render(comparison: Comparison) -> str:
    """The comparison as Markdown, which is what the terminal shows, too."""
    parts = [f"## {comparison.title}", comparison.setting, _figures(comparison.figures)]
    ratios = comparison.ratios()
    if ratios:
        parts.append(_ratios(ratios))
    # Goals that share a reason say it once.
    parts += filter(None, dict.fromkeys(ratio.goal.reason for ratio in ratios if not ratio.kept))
    parts += [f"Not compared with {peer}: {reason}." for peer, reason in comparison.missing.items()]
    versions = ", ".join(f"{name} {version}" for name, version in comparison.versions.items())
    machine = ", ".join(f"{name} {value}" for name, value in comparison.machine.items())
    parts.append(f"`cart-recovery loadtest {comparison.name}` on {comparison.date}; {versions}; {machine}")
    return "\n\n".join(parts)


def _figures(figures: tuple[Figure, ...]) -> str:
    rows = [
        (
            figure.side,
            figure.name,
            f"{_number(median(figure.rounds))} {figure.unit}".rstrip(),
            f"{_number(min(figure.rounds))} to {_number(max(figure.rounds))}",
            str(len(figure.rounds)),
        )
        for figure in figures
    ]
    return _table(("side", "figure", "median", "spread", "rounds"), rows)


def _ratios(ratios: list[Ratio]) -> str:
    rows = [
        (
            f"{ratio.goal.figure}: {ratio.goal.ours}" + (f" over {ratio.goal.peer}" if ratio.goal.peer else ""),
            _number(ratio.median),
            f"{_number(ratio.lowest)} to {_number(ratio.highest)}",
            f"{'≥' if ratio.goal.at_least else '≤'} {_number(ratio.goal.bound)}",
            "kept" if ratio.kept else "missed",
        )
        for ratio in ratios
    ]
    return _table(("compared", "median", "spread", "goal", "verdict"), rows)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [heads, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _number(value: float) -> str:
    """Three digits that count, at least."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
