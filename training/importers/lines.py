"""Reading lines, the positions of carts and orders, out of a row."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from cart_recovery.v1.line_pb2 import Line
from training.importers import values
from training.importers.errors import FieldFault
from training.importers.mapping import LineMap

_MOST_LINES = 10_000


class LineReader:
    """The compiled `line` section of a map."""

    def __init__(self, line_map: LineMap) -> None:
        """Compiles every column reference. Raises MapRefused."""
        self._inside = values.lookup(line_map.inside) if line_map.inside else None
        self._list_path = line_map.list or ""
        self._list = values.lookup(line_map.list) if line_map.list else None
        self._product_id = values.identifier(line_map.product_id, required=True)
        self._variant_id = values.identifier(line_map.variant_id) if line_map.variant_id else None
        self._quantity = values.whole_number(line_map.quantity, 1, least=1) if line_map.quantity else None
        price, path = line_map.unit_price_minor, line_map.category_path
        self._price = values.money(price.column, price.decimals) if price else None
        self._path = values.path_of_categories(path.column, path.separator) if path else None
        texts = {name: getattr(line_map, name) for name in ("title", "brand", "url", "image_url")}
        self._texts = [(name, values.text(template)) for name, template in texts.items() if template]

    def fill(self, line: Line, row: values.Row, currency_code: str) -> None:
        """Reads the row's one line, whose price is in that currency."""
        if self._inside is not None:
            inner = self._inside(row)
            if not isinstance(inner, Mapping):
                raise FieldFault("line", "there is no object to read the product from")
            row = inner
        self._read(line, row, currency_code)

    def fill_all(self, lines: RepeatedCompositeFieldContainer[Line], row: values.Row, currency_code: str) -> None:
        """Reads the row's list of lines, or its one line where the map has no list."""
        if self._list is None:
            self.fill(lines.add(), row, currency_code)
            return
        elements = self._list(row)
        if elements is None:
            return
        if not isinstance(elements, list) or len(elements) > _MOST_LINES:
            raise FieldFault(self._list_path, f"is no list of at most {_MOST_LINES} products")
        for element in elements:
            if not isinstance(element, Mapping):
                raise FieldFault(self._list_path, "holds something that is no product")
            self._read(lines.add(), element, currency_code)

    def _read(self, line: Line, row: Mapping[str, Any], currency_code: str) -> None:
        line.product_id = self._product_id(row)
        line.quantity = 1 if self._quantity is None else self._quantity(row)
        if self._variant_id is not None:
            line.variant_id = self._variant_id(row)
        if self._price is not None:
            price = self._price(row, currency_code)
            if price is not None:
                line.unit_price_minor = price
        if self._path is not None:
            line.category_path.extend(self._path(row))
        for name, read in self._texts:
            if value := read(row):
                setattr(line, name, value)
