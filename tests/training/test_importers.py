"""Reading event files: what a row becomes, and what becomes of a bad row."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cart_recovery.event_files import Rejects
from cart_recovery.v1.event_pb2 import Event, TrackRequest
from training.importers.assumptions import NOTHING_ASSUMED, Assumptions
from training.importers.errors import HeaderRefused, ImportRefused, MapRefused, RowError
from training.importers.mapping import KIND_NAMES, parse_map, shipped_map, shipped_map_names
from training.importers.reader import EventFile

MAPS = Path(__file__).resolve().parents[2] / "training/importers/maps"
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


@pytest.mark.parametrize("brand", ['"', '"apple', '""apple', '"ap"ple', '"two\nlines"'])
def test_a_stray_quote_costs_its_row_alone(tmp_path: Path, brand: str) -> None:
    quoted = GOOD.replace("apple", '"apple, ""the"" one"')
    stray = GOOD.replace("apple", brand)
    file = rees46(tmp_path, GOOD, quoted, stray, *[quoted] * 3, GOOD.replace(",cart,", ",swipe,"), GOOD)
    of_stray = [3 + line for line in range(stray.count("\n"))]
    after = of_stray[-1] + 1
    assert [error.row for error in errors(file)] == [*of_stray, after + 3]
    assert [number for number, _ in file.requests()] == list(range(1, after + 5))
    brands = [event.product_added.line.brand for event in events(file)]
    assert brands == ["apple", *['apple, "the" one'] * 4, "apple"]


def test_an_open_quote_is_told_with_its_remedy(tmp_path: Path) -> None:
    (error,) = errors(rees46(tmp_path, GOOD, GOOD.replace("apple", '"apple'), *[GOOD] * 3))
    assert error.row == 2
    assert "close each quote on its line" in error.reason


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_line_is_a_row_however_it_ends(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "events.csv"
    rows = [HEADER, GOOD, GOOD.replace("apple", '"ap,ple"'), GOOD.replace("apple", '"'), GOOD]
    path.write_text("".join(rows), newline=ending)
    file = EventFile(path, shipped_map("rees46"))
    assert [error.row for error in errors(file)] == [3]
    assert [event.product_added.line.brand for event in events(file)] == ["apple", "ap,ple", "apple"]
    assert {event.identity.session_id for event in events(file)} == {"session-1"}


def test_a_line_without_end_costs_its_row_alone(tmp_path: Path) -> None:
    file = rees46(tmp_path, GOOD, GOOD.replace("apple", "a" * 9_000_000), GOOD)
    (error,) = errors(file)
    assert error.row == 2 and "longer than" in error.reason
    assert len(events(file)) == 2


@pytest.mark.parametrize("column", ["brand", "category_id"])
def test_a_wrong_byte_costs_its_row_alone(tmp_path: Path, column: str) -> None:
    bad = GOOD.replace("apple", "caf\N{LATIN SMALL LETTER E WITH ACUTE}").encode("latin-1")
    if column == "category_id":  # which the map does not read
        bad = GOOD.encode().replace(b",20,", b",\xe9,")
    file = rees46(tmp_path, GOOD)
    with file.path.open("ab") as open_file:
        open_file.write(bad + GOOD.replace("apple", "\N{HIRAGANA LETTER A}").encode())
    (error,) = errors(file)
    assert (error.row, error.column) == (2, column)
    assert "not UTF-8" in error.reason and "0xE9" in error.reason
    assert [event.product_added.line.brand for event in events(file)] == ["apple", "\N{HIRAGANA LETTER A}"]


@pytest.mark.parametrize(
    ("bad", "column"),
    [
        (rb'"userId": "\ud800"', "userId"),
        (b'"userId": "\xe9"', "userId"),
        (b'"userId": "u", "x\xe9": 1', ""),
        (rb'"userId": "u", "a": [{"b": ["\udc00"]}]', "a.0.b.0"),
        (b'"userId": "u", "a": ' + b"[" * 600 + b'"\xe9"' + b"]" * 600, "a" + ".0" * 600),
    ],
)
def test_json_text_that_is_not_utf8_costs_its_row_alone(tmp_path: Path, bad: bytes, column: str) -> None:
    identify = '{"type": "identify", "timestamp": "2024-05-01T10:00:00Z", "userId": "%s"}\n'
    path = tmp_path / "events.jsonl"
    wrong = (identify % "u").encode().replace(b'"userId": "u"', bad)
    path.write_bytes((identify % "u1").encode() + wrong + (identify % r"\ud83d\ude00").encode())
    file = EventFile(path, shipped_map("segment"))
    (error,) = errors(file)
    assert (error.row, error.column) == (2, column)
    assert "not UTF-8" in error.reason
    assert [event.identity.customer_id for event in events(file)] == ["u1", "\N{GRINNING FACE}"]


def test_a_rejected_row_is_written_down_whatever_it_holds(tmp_path: Path) -> None:
    with Rejects(tmp_path / "rejects.csv") as rejects:
        rejects.add(1, "x\udce9", "is \ud800")
    assert (tmp_path / "rejects.csv").read_text().splitlines()[1] == r"1,x\udce9,is \ud800"


def test_a_wrong_header_stops_at_once_and_names_both(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("time,kind\n1,view\n")
    with pytest.raises(HeaderRefused) as refused:
        next(EventFile(path, shipped_map("taobao")).requests())
    assert refused.value.expected == ["user_id", "item_id", "category_id", "behavior_type", "timestamp"]
    assert refused.value.found == ["time", "kind"]
    assert "timestamp" in str(refused.value) and "kind" in str(refused.value)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rees46", HEADER + GOOD),
        ("segment", '{"type": "identify", "timestamp": "2024-05-01T10:00:00Z", "userId": "55"}\n'),
    ],
)
def test_a_byte_order_mark_belongs_to_no_column(
    tmp_path: Path, name: str, content: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / ("events" if compress is bytes else "events.gz")
    path.write_bytes(compress(content.encode("utf-8-sig")))
    file = EventFile(path, shipped_map(name))
    assert [event.identity.customer_id for event in events(file)] == ["55"]
    assert errors(file) == []


def test_a_damaged_archive_is_refused_not_half_believed(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    path.write_bytes(gzip.compress((HEADER + GOOD * 50_000).encode())[:-2_000])
    with pytest.raises(ImportRefused):
        list(EventFile(path, shipped_map("rees46")).requests())


def test_an_archive_with_altered_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    whole = bytearray(gzip.compress((HEADER + GOOD * 50_000).encode()))
    whole[len(whole) // 2 : len(whole) // 2 + 16] = bytes(16)
    path.write_bytes(whole)
    with pytest.raises(ImportRefused):
        list(EventFile(path, shipped_map("rees46")).requests())


def test_an_archive_without_its_ending_is_no_csv_header(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(gzip.compress((HEADER + GOOD * 50_000).encode()))
    with pytest.raises(HeaderRefused):
        next(EventFile(path, shipped_map("rees46")).requests())


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


def track(event: str, **properties: object) -> dict[str, object]:
    return {"userId": "u1", "timestamp": "2024-05-01T10:00:00Z", "event": event, "properties": properties}


def test_a_segment_order_needs_no_cart(tmp_path: Path) -> None:
    order = {"checkout_id": "k1", "order_id": "o1", "currency": "USD", "products": [{"product_id": "p1", "price": 19}]}
    file = segment(tmp_path, track("Order Completed", **order), track("Order Completed", **order, cart_id="c1"))
    assert errors(file) == []
    assert [(it.order_completed.order_id, it.order_completed.cart_id) for it in events(file)] == [
        ("o1", ""),
        ("o1", "c1"),
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Checkout Started", "checkout_started"),
        ("Checkout Step Viewed", "checkout_step_viewed"),
        ("Checkout Step Completed", "checkout_step_completed"),
        ("Payment Failed", "payment_failed"),
    ],
)
def test_a_segment_checkout_counts_where_it_names_its_cart(tmp_path: Path, name: str, kind: str) -> None:
    checkout = {"checkout_id": "k1", "order_id": "o1", "step": 2}
    file = segment(tmp_path, track(name, **checkout), track(name, **checkout, cart_id="c1"))
    assert errors(file) == []
    (event,) = events(file)
    assert event.WhichOneof("kind") == kind
    assert getattr(event, kind).cart_id == "c1"


@pytest.mark.parametrize("name", ["Product Added", "Product Removed", "Cart Viewed", "Cart Updated"])
def test_what_happens_in_a_cart_has_to_name_it(tmp_path: Path, name: str) -> None:
    (error,) = errors(segment(tmp_path, track(name, product_id="p1")))
    assert error.column == "properties.cart_id"


def test_segment_events_that_tell_nothing_of_use_are_passed_over(tmp_path: Path) -> None:
    names = [
        "Product List Filtered", "Product Clicked", "Promotion Viewed", "Promotion Clicked",
        "Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed", "Payment Info Entered", "Order Updated",
        "Product Removed from Wishlist", "Wishlist Product Added to Cart",
        "Product Shared", "Cart Shared", "Product Reviewed",
    ]  # fmt: skip
    calls = [{"type": name} for name in ("page", "screen", "group", "alias")]
    file = segment(tmp_path, *calls, *(track(name, product_id="p1", cart_id="c1") for name in names))
    assert list(file.requests()) == []


def cart_line(**properties: object) -> dict[str, object]:
    return track("Product Added", **{"product_id": "p1", "cart_id": "c1"} | properties)


@pytest.mark.parametrize(
    ("currency", "price", "minor"),
    [("JPY", 1200, 1200), ("jpy", 1200, 1200), ("EUR", 12.5, 1250), ("KWD", "1.234", 1234), (None, 12.5, 1250)],
)
def test_an_amount_has_the_decimals_of_its_own_currency(
    tmp_path: Path, currency: str | None, price: object, minor: int
) -> None:
    order = {
        "order_id": "o1",
        "cart_id": "c1",
        "currency": currency,
        "products": [{"product_id": "p1", "price": price}],
    }
    amounts = {"total": price, "tax": price, "shipping": price, "discount": price}
    base = cart_line(price=price, currency=currency)
    file = segment(
        tmp_path,
        base,
        base | {"event": "Product Removed"},
        base | {"event": "Product Viewed"},
        base | {"event": "Cart Updated", "properties": order},
        base | {"event": "Order Completed", "properties": order | amounts},
        base | {"event": "Order Completed", "properties": order},
        base | {"event": "Order Refunded", "properties": order | amounts},
    )
    assert errors(file) == []
    added, removed, viewed, updated, ordered, summed, refunded = events(file)
    lines = [added.product_added.line, removed.product_removed.line, viewed.product_viewed.product]
    lines += [*updated.cart_updated.cart.lines, *ordered.order_completed.lines]
    assert [line.unit_price_minor for line in lines] == [minor] * 5
    order_completed = ordered.order_completed
    taken = (order_completed.tax_minor, order_completed.shipping_minor, order_completed.discount_minor)
    assert taken == (minor, minor, minor)
    totals = (order_completed.total, summed.order_completed.total, refunded.order_refunded.amount)
    assert [total.minor_units for total in totals] == [minor] * 3
    assert {total.currency_code for total in totals} == {(currency or "EUR").upper()}


def test_a_map_may_say_that_a_column_holds_minor_units(tmp_path: Path) -> None:
    text = (MAPS / "rees46.toml").read_text().replace('column = "price"', 'column = "price", decimals = 0')
    (event,) = events(EventFile(rees46(tmp_path, GOOD.replace("1081.98", "1081")).path, parse_map(text)))
    assert event.product_added.line.unit_price_minor == 1081


@pytest.mark.parametrize(("quantity", "units"), [(2, 2), (2.0, 2), ("3.00", 3), (None, 1), ("", 1)])
def test_a_quantity_is_a_whole_number_however_written(tmp_path: Path, quantity: object, units: int) -> None:
    (event,) = events(segment(tmp_path, cart_line(quantity=quantity)))
    assert event.product_added.line.quantity == units


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("quantity", value) for value in (0, 0.0, "0", 2.5, -1, "two", 1 << 32)],
        *[("price", value) for value in ("1e999999", "1e99999", "NaN", -0.01, 1e20, [1])],
    ],
)
def test_a_number_without_sense_is_rejected_with_its_column(tmp_path: Path, column: str, value: object) -> None:
    (error,) = errors(segment(tmp_path, cart_line(**{column: value})))
    assert error.column == column
    assert str(value) in error.reason


def test_an_order_beyond_every_amount_is_rejected(tmp_path: Path) -> None:
    products = [{"product_id": "p1", "price": 10_000_000_000_000, "quantity": 4_000_000_000}]
    order = {"order_id": "o1", "cart_id": "c1", "products": products}
    (error,) = errors(segment(tmp_path, cart_line() | {"event": "Order Completed", "properties": order}))
    assert "2^53" in error.reason


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
    text = (MAPS / "rees46.toml").read_text()
    with pytest.raises(MapRefused, match="customer_idd"):
        parse_map(text.replace("customer_id =", "customer_idd ="))
