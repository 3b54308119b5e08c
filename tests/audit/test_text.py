"""The texts a person reads, compared with the committed ones in `golden/`.

After a wanted change: `GOLDEN=write pytest tests/audit/test_text.py`, then read the difference.
"""

import json
import os
from pathlib import Path

import pytest

from audit.decisions import DecisionUnknown
from audit.kpi_text import render_figures
from audit.kpis import Latency, compute_figures
from audit.lineage import trace
from audit.lineage_text import render_lineage
from cart_recovery.v1.reason_pb2 import REASON_CART_ORDERED
from tests.audit.shop import HOUR, MINUTE, POLICY, START, Shop
from tests.audit.test_figures import contacted_shop, experiment

GOLDEN = Path(__file__).parent / "golden"


def compare(name: str, text: str) -> None:
    """Compares with the committed text, or writes it."""
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text + "\n")
    assert path.read_text() == text + "\n"


def told_shop() -> Shop:
    """One shopper who gets a message, opens, clicks and buys, beside a stranger."""
    shop = Shop()
    shop.event(1, -60, consent_changed={"channel": 2, "purpose": 2, "state": 1})
    shop.add(1, 0)
    shop.add(9, 5, product="gloves")
    shop.event(1, 60, checkout_started={"cart_id": "cart-1"})
    decision = shop.decide(1, 30 * MINUTE, action="email_1h", offer="ten", abandoned=30 * MINUTE)
    shop.outcome(1, 30 * MINUTE, decision, scheduled={"due_time": {"seconds": START + 90 * MINUTE}})
    shop.outcome(1, 90 * MINUTE, decision, sent={"sent_time": {"seconds": START + 90 * MINUTE}})
    shop.outcome(1, 100 * MINUTE, decision, opened={})
    shop.outcome(1, 101 * MINUTE, decision, clicked={"link": "restore"})
    shop.order(9, 102 * MINUTE, product="gloves")
    shop.order(1, 2 * HOUR, total=9_000, discount=1_000, codes=["TEN"])
    return shop


def test_the_lineage_tells_the_whole_story() -> None:
    compare("lineage_contacted.txt", render_lineage(trace(told_shop().journal(), f"d1-{30 * MINUTE}")))


def test_the_lineage_of_a_held_out_cart_says_why_nothing_was_sent() -> None:
    compare("lineage_held_out.txt", render_lineage(trace(contacted_shop().journal(), f"d3-{30 * MINUTE}")))


def test_the_lineage_of_a_skipped_touch_names_the_reason() -> None:
    lineage = trace(contacted_shop().journal(), f"d2-{30 * MINUTE}")
    assert [step.words for step in lineage.consequences] == [
        "ordered for 100.00 EUR",
        "email skipped: The cart was ordered",
    ]


def test_a_stranger_is_no_part_of_the_story() -> None:
    lineage = trace(told_shop().journal(), f"d1-{30 * MINUTE}")
    assert all("Gloves" not in step.words for step in lineage.events + lineage.consequences)
    assert [step.sequence for step in lineage.consequences] == [6, 7, 8, 9, 11]


def test_a_repeated_record_changes_nothing_and_is_shown() -> None:
    shop = told_shop()
    shop.decide(1, 30 * MINUTE, action="none")
    lineage = trace(shop.journal(), f"d1-{30 * MINUTE}")
    assert (lineage.repeated_at, lineage.chosen) == ((12,), 1)


def test_a_long_history_is_cut_and_the_cut_is_named() -> None:
    shop = Shop()
    for second in range(100):
        shop.event(1, second, product_viewed={"product": {"product_id": "boots"}})
    shop.decide(1, HOUR)
    lineage = trace(shop.journal(), f"d1-{HOUR}")
    assert (lineage.earlier_events, len(lineage.events), lineage.events[-1].sequence) == (60, 40, 100)


def test_a_message_leads_to_its_decision() -> None:
    journal = told_shop().journal()
    named = [f"d1-{30 * MINUTE}", f"s1-{30 * MINUTE}", f"<s1-{30 * MINUTE}@shop.example>"]
    first, *others = [trace(journal, name) for name in named]
    assert others == [first, first]


def test_an_unknown_decision_is_named() -> None:
    with pytest.raises(DecisionUnknown, match="no decision d0"):
        trace(Shop().journal(), "d0")


def test_the_lineage_is_json() -> None:
    plain = json.loads(json.dumps(trace(told_shop().journal(), f"d1-{30 * MINUTE}").as_json()))
    assert plain["candidates"][1]["action_id"] == "email_1h"


def test_the_figures_of_a_small_shop_show_what_is_unavailable() -> None:
    compare("figures_small.txt", render_figures(compute_figures(contacted_shop().journal(), POLICY)))


def test_the_figures_of_an_experiment_show_effect_and_interval() -> None:
    shop = experiment(180, 20, buyers=45, held_out_buyers=2)
    decision = f"d0-{HOUR}"
    shop.outcome(0, 3 * HOUR, decision, unsubscribed={})
    shop.outcome(181, 4 * HOUR, f"d181-{HOUR}", skipped={"reason": REASON_CART_ORDERED})
    figures = compute_figures(shop.journal(), POLICY, latency=Latency(184.0, 912.0))
    compare("figures_experiment.txt", render_figures(figures))
