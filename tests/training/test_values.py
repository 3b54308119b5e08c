"""Single values: times, amounts and templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.importers import values
from training.importers.errors import FieldFault, MapRefused


@pytest.mark.parametrize(
    ("text", "time_format"),
    [
        ("1569888007", "epoch_seconds"),
        ("1569888007000", "epoch_millis"),
        ("2019-10-01T02:00:07+02:00", "iso8601"),
        ("2019-10-01T00:00:07Z", "iso8601"),
        ("2019-10-01T00:00:07", "iso8601"),
        ("2019-10-01 00:00:07 UTC", "%Y-%m-%d %H:%M:%S UTC"),
        ("01/10/2019 00.00.07", "%d/%m/%Y %H.%M.%S"),
        ("01/10/2019 02.00.07 +0200", "%d/%m/%Y %H.%M.%S %z"),
    ],
)
def test_every_time_format_reads_the_same_moment(text: str, time_format: str) -> None:
    assert values.time("t", time_format)({"t": text}) == 1_569_888_007_000_000


@pytest.mark.parametrize("text", ["", "soon", "-5", "2019-13-01 00:00:07 UTC", "99999999999999999999999"])
@pytest.mark.parametrize("time_format", ["epoch_seconds", "iso8601", "%Y-%m-%d %H:%M:%S UTC"])
def test_what_is_no_time_is_a_fault_of_its_column(text: str, time_format: str) -> None:
    with pytest.raises(FieldFault) as fault:
        values.time("t", time_format)({"t": text})
    assert fault.value.column == "t"


@given(st.integers(0, (1 << 53) - 1))
def test_an_amount_reads_back_exactly(minor: int) -> None:
    text = f"{minor // 100}.{minor % 100:02}"
    assert values.money("m", None)({"m": text}, "EUR") == minor


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400", "-0.01", "12,50", "1e20", True])
def test_what_is_no_amount_is_a_fault(text: object) -> None:
    with pytest.raises(FieldFault):
        values.money("m", None)({"m": text}, "EUR")


def test_a_template_is_empty_where_one_of_its_columns_is() -> None:
    read = values.text("{a}-{b.c}")
    assert read({"a": "x", "b": {"c": 7}}) == "x-7"
    assert read({"a": "x", "b": {}}) == ""
    assert read({"a": "x", "b": "no object"}) == ""


def test_a_template_without_a_column_and_an_unknown_time_format_are_refused() -> None:
    with pytest.raises(MapRefused):
        values.text("constant")
    with pytest.raises(MapRefused):
        values.time("t", "whenever")
