"""Reading event files: what a row becomes, and what becomes of a bad row."""

import gzip
import json
from pathlib import Path

import pytest

from cart_recovery.v1.event_pb2 import Event, TrackRequest
from training.importers.assumptions import NOTHING_ASSUMED, Assumptions
from training.importers.errors import HeaderRefused, ImportRefused, MapRefused, RowError
from training.importers.mapping import KIND_NAMES, parse_map, shipped_map, shipped_map_names
from training.importers.reader import EventFile

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
GOOD = "2019-10-01 00:00:07 UTC,cart,1005,20,electronics.smartphone,apple,1081.98,55,session-1\n"


def rees46(folder: Path, *rows: str, assumptions: Assumptions = NOTHING_ASSUMED) -> EventFile:
    path = folder / "events.csv"
    path.write_text(HEADER + "".join(rows))
    return EventFile(path, shipped_map("rees46"), assumptions)


def segment(folder: Path, *lines: object) -> EventFile:
    path = folder / "events.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return EventFile(path, shipped_map("segment"))


def events(file: EventFile) -> list[Event]:
    return [TrackRequest.FromString(item).event for _, item in file.requests() if isinstance(item, bytes)]


def errors(file: EventFile) -> list[RowError]:
    return [item for _, item in file.requests() if isinstance(item, RowError)]


def test_a_cart_row_becomes_a_product_added(tmp_path: Path) -> None:
    (event,) = events(rees46(tmp_path, GOOD))
    added = event.product_added
    assert event.event_time.ToJsonString() == "2019-10-01T00:00:07Z"
    assert (event.storefront_id, event.identity.customer_id, event.identity.session_id) == ("rees46", "55", "session-1")
    assert (added.cart_id, added.currency_code, added.line.product_id) == ("session-1", "USD", "1005")
    assert (added.line.unit_price_minor, added.line.quantity, added.line.brand) == (108198, 1, "apple")
    assert list(added.line.category_path) == ["electronics", "smartphone"]


def test_a_purchase_row_is_an_order_of_its_own(tmp_path: Path) -> None:
    first, second = events(rees46(tmp_path, *2 * (GOOD.replace(",cart,", ",purchase,"),)))
    assert first.order_completed.total.minor_units == 108198
    assert first.order_completed.cart_id == second.order_completed.cart_id == "session-1"
    assert first.order_completed.order_id != second.order_completed.order_id


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("2019-10-01 00:00:07 UTC", "yesterday", "event_time"),
        (",cart,", ",swipe,", "event_type"),
        ("1081.98", "a lot", "price"),
        ("1081.98", "-1", "price"),
        (",1005,", ",,", "product_id"),
        ("session-1", "", "user_session"),
        ("session-1", "s" * 65, "user_session"),
        (",55,session-1", "", ""),
    ],
)
def test_a_bad_row_is_rejected_by_number_column_and_reason(tmp_path: Path, old: str, new: str, column: str) -> None:
    file = rees46(tmp_path, GOOD, GOOD.replace(old, new), GOOD)
    (error,) = errors(file)
    assert (error.row, error.column) == (2, column)
    assert error.reason
    assert len(events(file)) == 2, "the import goes on"


def test_a_wrong_header_stops_at_once_and_names_both(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("time,kind\n1,view\n")
    with pytest.raises(HeaderRefused) as refused:
        next(EventFile(path, shipped_map("taobao")).requests())
    assert refused.value.expected == ["user_id", "item_id", "category_id", "behavior_type", "timestamp"]
    assert refused.value.found == ["time", "kind"]
    assert "timestamp" in str(refused.value) and "kind" in str(refused.value)


def test_a_damaged_archive_is_refused_not_half_believed(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    path.write_bytes(gzip.compress((HEADER + GOOD * 50_000).encode())[:-2_000])
    with pytest.raises(ImportRefused):
        list(EventFile(path, shipped_map("rees46")).requests())


def test_reading_twice_gives_the_same_bytes_and_another_file_other_ids(tmp_path: Path) -> None:
    file = rees46(tmp_path, GOOD, GOOD)
    assert list(file.requests()) == list(file.requests())
    first_id, import_id = events(file)[0].event_id, file.import_id()
    changed = rees46(tmp_path, GOOD, GOOD, GOOD)
    assert events(changed)[0].event_id != first_id
    assert changed.import_id() != import_id


def test_a_taobao_cart_is_one_user_on_one_chinese_day(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    evening, after_midnight = 1511539200 - 60, 1511539200 + 60  # 2017-11-25 00:00 in China
    path.write_text(
        f"user_id,item_id,category_id,behavior_type,timestamp\n1,2,3,cart,{evening}\n1,2,3,buy,{after_midnight}\n"
    )
    added, bought = events(EventFile(path, shipped_map("taobao")))
    assert added.product_added.cart_id != bought.order_completed.cart_id
    assert not added.product_added.line.HasField("unit_price_minor")
    assert not bought.order_completed.HasField("total")


def test_assumptions_introduce_each_person_once_before_the_first_event(tmp_path: Path) -> None:
    other = GOOD.replace(",55,", ",56,")
    file = rees46(tmp_path, GOOD, GOOD, other, assumptions=Assumptions(addresses=True, consent=True))
    kinds = [event.WhichOneof("kind") for event in events(file)]
    introduction = ["identified", "consent_changed", "consent_changed"]
    assert kinds == [*introduction, "product_added", "product_added", *introduction, "product_added"]
    identified = events(file)[0]
    assert identified.identity.contacts[0].address.endswith("@shoppers.example")
    assert identified.event_time == events(file)[3].event_time


def test_without_assumptions_nothing_is_invented(tmp_path: Path) -> None:
    assert [event.WhichOneof("kind") for event in events(rees46(tmp_path, GOOD))] == ["product_added"]


def test_segment_calls_become_events(tmp_path: Path) -> None:
    base = {"userId": "u1", "anonymousId": "a1", "timestamp": "2024-05-01T10:00:00.250Z", "type": "track"}
    product = {"product_id": "p1", "price": 19.99, "quantity": 2, "name": "Lamp", "category": "home/light"}
    order = {"order_id": "o1", "cart_id": "c1", "currency": "CHF", "total": 44.98, "discount": 5, "products": [product]}
    file = segment(
        tmp_path,
        base | {"messageId": "m1", "event": "Product Added", "properties": product | {"cart_id": "c1"}},
        base | {"messageId": "m2", "event": "Order Completed", "properties": order},
        base | {"messageId": "m3", "type": "identify", "traits": {"email": "ada@shoppers.example", "name": "Ada"}},
        base | {"messageId": "m4", "type": "page"},
    )
    added, ordered, identified = events(file)
    assert errors(file) == []
    assert added.event_id == "m1" and added.event_time.ToMilliseconds() == 1714557600250
    assert (added.product_added.line.unit_price_minor, added.product_added.line.quantity) == (1999, 2)
    assert ordered.order_completed.total.minor_units == 4498
    assert ordered.order_completed.total.currency_code == "CHF"
    assert [line.title for line in ordered.order_completed.lines] == ["Lamp"]
    assert identified.identity.contacts[0].address == "ada@shoppers.example" and identified.identity.name == "Ada"


def test_lines_that_are_no_json_objects_are_rejected(tmp_path: Path) -> None:
    file = segment(tmp_path, "{", "[]", {"type": "track", "event": "Product Added"})
    assert [error.row for error in errors(file)] == [1, 2, 3]


def test_every_shipped_map_reads_and_every_kind_has_a_filler() -> None:
    assert shipped_map_names() == ["rees46", "segment", "taobao"]
    for name in shipped_map_names():
        assert shipped_map(name).name == name
    assert set(shipped_map("segment").kind.values.values()) <= KIND_NAMES


@pytest.mark.parametrize(
    "text",
    ["not toml =", 'name = "x"', '[kind]\nvalues = { view = "product_eaten" }'],
)
def test_a_wrong_map_is_refused(text: str) -> None:
    with pytest.raises(MapRefused):
        parse_map(text)


def test_a_misspelt_key_of_a_map_is_refused(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "training/importers/maps/rees46.toml").read_text()
    with pytest.raises(MapRefused, match="customer_idd"):
        parse_map(text.replace("customer_id =", "customer_idd ="))
