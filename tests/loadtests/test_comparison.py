"""What a comparison says: ratios of the same round, goals kept and missed, and who could not take part."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.commands import loadtest
from cart_recovery.comparisons.runs import COMPARISONS
from cart_recovery.comparisons.trials import TRIALS
from cart_recovery.exits import EXIT_USAGE
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, render
from loadtests.benchmarks.page import COMPARISONS_HEAD, page, read_results, write_result


def comparison() -> Comparison:
    """Two sides over three rounds, the second twice as slow in the last of them."""
    return Comparison(
        name="trees",
        title="Trees",
        setting="Both get the same.",
        date="2026-01-31",
        machine={"cores": "2"},
        versions={"engine": "7"},
        figures=(
            Figure("ours", "time", "µs", (2.0, 4.0, 3.0)),
            Figure("peer", "time", "µs", (1_000.0, 4_000.0, 6_000.0)),
        ),
        goals=(
            Goal("time", "ours", "peer", 0.001, reason="Not told: it is kept."),
            Goal("time", "ours", "absent", 0.1),
            Goal("time", "ours", "", 2.0, reason="The work is done twice."),
            Goal("time", "ours", "", 1.0, reason="The work is done twice."),
        ),
        missing={"absent": "it needs a GPU"},
    )


def test_a_ratio_is_that_of_one_round() -> None:
    against_peer, alone, _ = comparison().ratios()
    assert (against_peer.median, against_peer.lowest, against_peer.highest) == (0.001, 0.0005, 0.002)
    assert against_peer.kept
    assert (alone.median, alone.kept) == (3.0, False)


@pytest.mark.parametrize(("bound", "kept"), [(0.001, True), (0.0011, False)])
def test_a_goal_may_be_a_least_ratio(bound: float, kept: bool) -> None:
    goals = (Goal("time", "ours", "peer", bound, at_least=True),)
    assert replace(comparison(), goals=goals).ratios()[0].kept is kept


def test_the_text_names_sides_spread_verdicts_absentees_and_machine() -> None:
    assert render(comparison()).splitlines() == [
        "## Trees",
        "",
        "Both get the same.",
        "",
        "| side | figure | median   | spread         | rounds |",
        "| ---- | ------ | -------- | -------------- | ------ |",
        "| ours | time   | 3 µs     | 2 to 4         | 3      |",
        "| peer | time   | 4,000 µs | 1,000 to 6,000 | 3      |",
        "",
        "| compared             | median | spread          | goal    | verdict |",
        "| -------------------- | ------ | --------------- | ------- | ------- |",
        "| time: ours over peer | 0.001  | 0.0005 to 0.002 | ≤ 0.001 | kept    |",
        "| time: ours           | 3      | 2 to 4          | ≤ 2     | missed  |",
        "| time: ours           | 3      | 2 to 4          | ≤ 1     | missed  |",
        "",
        "The work is done twice.",
        "",
        "Not compared with absent: it needs a GPU.",
        "",
        "`cart-recovery loadtest trees` on 2026-01-31; engine 7; cores 2",
    ]


def test_the_page_shows_kept_results_in_the_order_asked_for(tmp_path: Path) -> None:
    other = replace(comparison(), name="replay", title="Replay")
    for one in (comparison(), other):
        write_result(tmp_path, one)
    kept = read_results(tmp_path, ["replay", "feast", "trees"])
    assert kept == [other, comparison()]
    text = page(COMPARISONS_HEAD, kept)
    assert text.index("## Replay") < text.index("## Trees")
    assert json.loads((tmp_path / "trees.json").read_text())["ratios"][0]["kept"] is True


@pytest.mark.parametrize(
    ("command", "name", "refused"),
    [
        ("compare", "fuzz", "NAME: there is no comparison fuzz; there are trees, mlserver"),
        ("try", "trees", "NAME: there is no trial trees; there are capacities, kills"),
    ],
)
def test_a_name_of_another_page_is_refused(
    command: str, name: str, refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["loadtest", command, name]) == EXIT_USAGE
    assert refused in capsys.readouterr().err


def test_what_the_command_line_offers_is_what_runs() -> None:
    assert list(loadtest.COMPARISONS) == list(COMPARISONS)
    assert list(loadtest.TRIALS) == list(TRIALS)


@pytest.mark.parametrize(("page_name", "names"), [("comparisons", COMPARISONS), ("trials", TRIALS)])
def test_a_page_says_what_was_measured(page_name: str, names: Iterable[str]) -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / f"{page_name}.md").read_text(encoding="utf-8")
    kept = read_results(docs / "measured", names)
    assert kept
    assert [one.name for one in kept if render(one) not in text] == []


@pytest.mark.parametrize("name", [*loadtest.COMPARISONS, *loadtest.TRIALS, "compare", "try"])
def test_help_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["loadtest", name, "--help"])
    assert f"  cart-recovery loadtest {name} " in capsys.readouterr().out
