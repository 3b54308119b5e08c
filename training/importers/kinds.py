"""Filling each event kind from a row: one function per kind, chosen once per map."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.line_pb2 import Line
from training.importers import values
from training.importers.errors import FieldFault, RowIgnored
from training.importers.lines import LineReader
from training.importers.mapping import EventFileMap, MoneyColumn

Fill = Callable[[Event, Mapping[str, Any]], None]
"""Sets the kind of an event whose envelope stands already. Raises FieldFault, RowIgnored."""


class KindFillers:
    """The compiled fillers of one map."""

    def __init__(self, event_map: EventFileMap) -> None:
        """Compiles every column reference. Raises MapRefused."""
        self._lines = LineReader(event_map.line)
        self._currency = event_map.currency_code
        self._cart_id = _cart_id(event_map, required=True)
        self._cart_id_if_told = _cart_id(event_map, required=False)
        order, detail = event_map.order, event_map.detail
        self._order_id = values.identifier(order.order_id) if order.order_id else _nothing
        self._order_currency = values.text(order.currency_code) if order.currency_code else _nothing
        self._coupon = values.text(order.coupon) if order.coupon else _nothing
        self._total = _money(order.total)
        self._discount = _money(order.discount)
        self._shipping = _money(order.shipping)
        self._tax = _money(order.tax)
        self._step = values.whole_number(detail.step, 0) if detail.step else _zero
        self._query = values.text(detail.query) if detail.query else _nothing
        self._category = values.text(detail.category) if detail.category else _nothing

    def of(self, kind: str) -> Fill:
        """The filler of a kind, by its name in Event."""
        fill: Fill = getattr(self, f"_fill_{kind}")
        return fill

    def _fill_product_viewed(self, event: Event, row: values.Row) -> None:
        self._lines.fill(event.product_viewed.product, row, self._currency_of(row))

    def _fill_product_wishlisted(self, event: Event, row: values.Row) -> None:
        self._lines.fill(event.product_wishlisted.product, row, self._currency_of(row))

    def _fill_product_list_viewed(self, event: Event, row: values.Row) -> None:
        event.product_list_viewed.SetInParent()
        if category := self._category(row):
            event.product_list_viewed.category_path.append(category)

    def _fill_products_searched(self, event: Event, row: values.Row) -> None:
        event.products_searched.query = self._query(row)
        event.products_searched.SetInParent()

    def _fill_product_added(self, event: Event, row: values.Row) -> None:
        added = event.product_added
        added.cart_id = self._cart_id(event, row)
        added.currency_code = self._currency_of(row)
        self._lines.fill(added.line, row, added.currency_code)

    def _fill_product_removed(self, event: Event, row: values.Row) -> None:
        event.product_removed.cart_id = self._cart_id(event, row)
        self._lines.fill(event.product_removed.line, row, self._currency_of(row))

    def _fill_cart_updated(self, event: Event, row: values.Row) -> None:
        cart = event.cart_updated.cart
        cart.cart_id = self._cart_id(event, row)
        cart.currency_code = self._currency_of(row)
        self._lines.fill_all(cart.lines, row, cart.currency_code)

    def _fill_cart_viewed(self, event: Event, row: values.Row) -> None:
        event.cart_viewed.cart_id = self._cart_id(event, row)

    def _fill_checkout_started(self, event: Event, row: values.Row) -> None:
        event.checkout_started.cart_id = self._cart_of_checkout(event, row)

    def _fill_checkout_step_viewed(self, event: Event, row: values.Row) -> None:
        event.checkout_step_viewed.cart_id = self._cart_of_checkout(event, row)
        event.checkout_step_viewed.step = self._step(row)

    def _fill_checkout_step_completed(self, event: Event, row: values.Row) -> None:
        event.checkout_step_completed.cart_id = self._cart_of_checkout(event, row)
        event.checkout_step_completed.step = self._step(row)

    def _fill_payment_failed(self, event: Event, row: values.Row) -> None:
        event.payment_failed.cart_id = self._cart_of_checkout(event, row)

    def _fill_order_completed(self, event: Event, row: values.Row) -> None:
        order = event.order_completed
        order.order_id = self._order_id(row) or event.event_id
        order.cart_id = self._cart_id_if_told(event, row)
        currency_code = self._currency_of(row)
        self._lines.fill_all(order.lines, row, currency_code)
        order.discount_minor = self._discount(row, currency_code) or 0
        order.shipping_minor = self._shipping(row, currency_code) or 0
        order.tax_minor = self._tax(row, currency_code) or 0
        total = self._total(row, currency_code)
        if total is None:
            total = _sum(order.lines)
        if total is not None:
            order.total.minor_units = total
            order.total.currency_code = currency_code
        if coupon := self._coupon(row):
            order.offer_codes.append(coupon)

    def _fill_order_cancelled(self, event: Event, row: values.Row) -> None:
        event.order_cancelled.order_id = self._known_order(row)

    def _fill_order_refunded(self, event: Event, row: values.Row) -> None:
        refunded = event.order_refunded
        refunded.order_id = self._known_order(row)
        currency_code = self._currency_of(row)
        amount = self._total(row, currency_code)
        if amount is not None:
            refunded.amount.minor_units = amount
            refunded.amount.currency_code = currency_code

    def _fill_identified(self, event: Event, _: values.Row) -> None:
        event.identified.SetInParent()

    def _cart_of_checkout(self, event: Event, row: values.Row) -> str:
        # Many shops tell a checkout by an id of its own: whose cart it is, nobody can say.
        cart_id = self._cart_id_if_told(event, row)
        if not cart_id:
            raise RowIgnored
        return cart_id

    def _currency_of(self, row: values.Row) -> str:
        # In either case it is the same currency, with the same decimals.
        return self._order_currency(row).upper() or self._currency

    def _known_order(self, row: values.Row) -> str:
        order_id = self._order_id(row)
        if not order_id:
            raise FieldFault("order_id", "is empty; a cancelled or refunded order needs it")
        return order_id


def _cart_id(event_map: EventFileMap, *, required: bool) -> Callable[[Event, values.Row], str]:
    template = event_map.cart.cart_id
    if "{day}" not in template:
        read = values.identifier(template, required=required)
        return lambda _, row: read(row)
    read_day = values.identifier(template, required=required)
    offset_seconds = event_map.cart.day_offset_hours * 3600

    def of_day(event: Event, row: values.Row) -> str:
        return read_day({**row, "day": str((event.event_time.seconds + offset_seconds) // 86_400)})

    return of_day


def _sum(lines: Iterable[Line]) -> int | None:
    """What the lines are worth together, minor units; None where one has no price."""
    total = 0
    for line in lines:
        if not line.HasField("unit_price_minor"):
            return None
        total += line.unit_price_minor * line.quantity
    if total > values.LARGEST_AMOUNT_MINOR:
        raise FieldFault("line", f"the lines are worth {total} minor units together; at most 2^53 are allowed")
    return total


def _money(column: MoneyColumn | None) -> Callable[[values.Row, str], int | None]:
    return values.money(column.column, column.decimals) if column else _no_amount


def _nothing(_: values.Row) -> str:
    return ""


def _no_amount(_: values.Row, _currency_code: str) -> None:
    return None


def _zero(_: values.Row) -> int:
    return 0
