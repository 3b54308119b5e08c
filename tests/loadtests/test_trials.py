"""What trials make of what their programs leave, and the page of those that ran."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.benchmarks.comparison import Comparison, Unmeasured, render
from loadtests.benchmarks.page import TRIALS_HEAD, page, read_results, write_result
from loadtests.capacity import Capacity, Overload, Plan
from loadtests.placement import Placement, Stalls
from loadtests.trials import capacities, fuzz, kills
from tests.loadtests.test_capacity import PLAN, STEP

CAMPAIGNS = [
    "decode        10000123 executions      61 s    2104 edges    812 inputs   0 crashes\n",
    "spool         10000045 executions     198 s    1711 edges    402 inputs   2 crashes\n",
    "  crashes/spool-0: panicked at somewhere\n",
]
RESULTS = """<?xml version="1.0"?>
<testsuites><testsuite><testcase name="test_killed_scorers_lose_nothing[native-disk]"><properties>
<property name="events accepted" value="812" /><property name="lost" value="0" /><property name="twice" value="0" />
</properties></testcase><testcase name="test_everything_killed_at_once"><properties>
<property name="events accepted" value="77" /><property name="lost" value="3" /><property name="twice" value="0" />
</properties><failure message="3 lost">why</failure></testcase></testsuite></testsuites>
"""


def values(found: Comparison) -> dict[tuple[str, str], tuple[float, ...]]:
    return {(figure.side, figure.name): figure.rounds for figure in found.figures}


def verdicts(found: Comparison) -> dict[tuple[str, str], bool]:
    return {(ratio.goal.ours, ratio.goal.figure): ratio.kept for ratio in found.ratios()}


def run(offered: float, recovery_seconds: float | None) -> Capacity:
    sustained = replace(STEP, seconds=60.0, offered=offered)
    beyond = replace(sustained, offered=2_000.0, spool_growth=90_000.0)
    overload = Overload(replace(STEP, offered=5_000.0, failed=5_000), 5e7, 6e7, recovery_seconds)
    placement = Placement("all on one", Stalls(0.0, 0.0))
    return Capacity(PLAN, placement, {}, "1", (STEP, beyond), sustained, (STEP,) * 5, 500.0, 0.5, overload)


def test_every_fuzz_target_has_its_executions_and_its_verdict() -> None:
    found = fuzz.comparison(CAMPAIGNS, {"decode", "spool"})
    assert values(found)["decode", "executions"] == (10_000_123,)
    assert values(found)["spool", "edges"] == (1_711,)
    assert verdicts(found) == {("decode", "crashes"): True, ("spool", "crashes"): False}


def test_a_test_that_failed_has_survived_no_kill_and_says_what_was_lost() -> None:
    found = kills.comparison(RESULTS, 250)
    scorers, everything = "killed scorers lose nothing[native-disk]", "everything killed at once"
    assert values(found)[scorers, "kills survived"] == (250,)
    assert values(found)[everything, "kills survived"] == (0,)
    assert values(found)[scorers, "events accepted"] == (812,)
    assert verdicts(found) == {
        (scorers, "kills survived"): True,
        (everything, "kills survived"): False,
        (scorers, "lost"): True,
        (everything, "lost"): False,
        (scorers, "twice"): True,
        (everything, "twice"): True,
    }


def test_the_knees_of_both_runs_stand_side_by_side() -> None:
    found = capacities.comparison({"native": [run(1_000.0, 0.5), run(1_050.0, None)]})
    figures = values(found)
    assert figures["native", capacities.KNEE] == (1_000, 1_050)
    assert figures["native", capacities.APART] == (pytest.approx(5),)
    assert figures["native", "overload: offered"] == (5_000, 5_000)
    assert figures["native", "overload: recovery"] == (0.5, math.inf)
    # p99 of 900 over p50 of 200 microseconds.
    assert figures["native", capacities.SPREAD] == (4.5,) * 10
    # What gives out at twice the rate is the way to the journal.
    assert figures["native", "the next rate: offered"] == (2_000, 2_000)
    assert figures["native", "the next rate: growth of the spool"] == (90_000, 90_000)
    # Ten million bytes for 9,990 answers, and 500 bytes for each at half of the rate.
    assert figures["native", capacities.GROWN] == pytest.approx((1_001, 1_001), rel=1e-4)
    assert figures["native", capacities.MORE] == pytest.approx((2.002, 2.002), rel=1e-4)
    assert figures["native", "Scores that weighed every candidate"] == (50, 50)
    # A tenth of 50,000 calls.
    assert figures["native", capacities.FAILED] == (10, 10)
    assert verdicts(found) == {
        ("native", capacities.APART): True,
        ("native", capacities.OVERLOAD_P99): True,
        ("native", capacities.FAILED): False,
        ("native", capacities.MORE): False,
        ("native", capacities.RECOVERY): False,
        ("native", capacities.SPREAD): False,
    }


def test_fronts_take_turns_and_one_that_keeps_up_nothing_is_not_measured() -> None:
    asked: list[str] = []

    def measure(plan: Plan) -> Capacity:
        asked.append(plan.front)
        sustained = None if asked == ["grpcio", "native", "grpcio"] else STEP
        return replace(run(1_000.0, 0.5), plan=plan, sustained=sustained, overload=None)

    found = capacities.measure((Plan("grpcio", 100.0), Plan("native", 5.0)), measure, runs=2)
    assert asked == ["grpcio", "native", "grpcio", "native"]
    assert "within 100 ms (grpcio) and 5 ms (native)" in found.setting
    figures = values(found)
    assert figures["grpcio", capacities.KNEE] == (STEP.offered, 0)
    assert figures["grpcio", capacities.APART] == (math.inf,)
    assert figures["native", capacities.APART] == (0,)
    assert not [name for _, name in figures if name.startswith("overload")]
    with pytest.raises(Unmeasured, match="did not keep up"):
        capacities.comparison({"native": [replace(run(1_000.0, 0.5), sustained=None)]})


@pytest.mark.parametrize("lines", [["error: could not compile\n"], CAMPAIGNS])
def test_campaigns_of_which_one_left_nothing_have_no_figures(lines: list[str]) -> None:
    with pytest.raises(Unmeasured, match="score"):
        fuzz.comparison(lines, {"decode", "spool", "score"})


@pytest.mark.parametrize("results", ["<testsuites/>", RESULTS.replace("failure", "error")])
def test_tests_that_were_not_run_have_no_figures(results: str) -> None:
    with pytest.raises(Unmeasured, match="stands above"):
        kills.comparison(results, 1)


def test_the_page_holds_the_trials_that_ran(tmp_path: Path) -> None:
    found = fuzz.comparison(CAMPAIGNS, {"decode", "spool"})
    write_result(tmp_path, found)
    text = page(TRIALS_HEAD, read_results(tmp_path, ["kills", "fuzz"]))
    assert text == f"{TRIALS_HEAD}\n{render(found)}\n"
    assert text.startswith("# Trials\n") and "`cart-recovery loadtest fuzz` on " in text
    assert "| decode | executions | 10,000,123 | 10,000,123 to 10,000,123 | 1      |" in text
