"""Minor units: the engine's own table and the one of the Python parts say the same of every currency."""

import re
from pathlib import Path

import pytest

from audit.amounts import money
from cart_recovery.currencies import minor_unit_decimals
from dispatcher.money import format_money

ENGINE = Path(__file__).resolve().parents[2] / "rust_features/core/src"


def codes(file: str, constant: str) -> list[str]:
    """The strings of a constant table in a Rust source."""
    declared = re.search(rf"const {constant}: \[&str; (\d+)\] = \[([^\]]*)\];", (ENGINE / file).read_text())
    assert declared is not None
    found = re.findall(r'"([A-Z]{3})"', declared[2])
    assert len(found) == int(declared[1])
    return found


def test_the_engine_and_the_parts_agree_on_every_currency_that_the_edge_takes() -> None:
    table = dict.fromkeys(codes("explain/money.rs", "WHOLE"), 0)
    table |= dict.fromkeys(codes("explain/money.rs", "THOUSANDTHS"), 3)
    taken = codes("edge/currency.rs", "CODES")
    assert {code: minor_unit_decimals(code) for code in taken} == {code: table.get(code, 2) for code in taken}


@pytest.mark.parametrize(
    ("currency_code", "words"),
    [("UYI", "12,345 UYI"), ("EUR", "123.45 EUR"), ("TND", "12.345 TND"), ("CLF", "1.2345 CLF"), ("UYW", "1.2345 UYW")],
)
def test_figures_and_messages_write_an_amount_with_the_same_decimals(currency_code: str, words: str) -> None:
    assert money(12_345, currency_code) == words
    assert format_money(12_345, currency_code) == words.replace("123.45 EUR", "€123.45")
