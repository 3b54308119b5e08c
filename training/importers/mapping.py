"""The declarative map from a file's columns to events: its shape, checked as it is read from TOML.

A text in braces, "{user_id}", is filled from columns; in JSON lines a column may be a dotted path. Everything that
is not said stays empty in the event.
"""

import hashlib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.importers.errors import MapRefused

KIND_NAMES = frozenset(
    {
        "product_viewed", "product_list_viewed", "products_searched", "product_wishlisted",
        "product_added", "product_removed", "cart_updated", "cart_viewed",
        "checkout_started", "checkout_step_viewed", "checkout_step_completed", "payment_failed",
        "order_completed", "order_cancelled", "order_refunded", "identified",
    }
)  # fmt: skip
"""The event kinds that a map can yield, by their names in Event."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeMap(_Section):
    """When it happened: epoch_seconds, epoch_millis, iso8601, or a strptime format read as UTC."""

    column: str
    format: str


class KindMap(_Section):
    """Which event a row is, by `column`, or where that is empty by `otherwise`; `ignored` rows yield nothing."""

    column: str
    otherwise: str | None = None
    values: dict[str, str]
    ignored: list[str] = []


class EventMap(_Section):
    """The event's own id; without it the id is the file's hash and the row number."""

    event_id: str | None = None


class IdentityMap(_Section):
    """Who it was."""

    customer_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    email: str | None = None
    phone: str | None = None
    name: str | None = None


class ContextMap(_Section):
    """The circumstances."""

    locale: str | None = None
    time_zone: str | None = None
    country_code: str | None = None
    referrer: str | None = None
    campaign: str | None = None


class CartMap(_Section):
    """Which cart it belongs to. "{day}" is the event's date, counted `day_offset_hours` east of UTC.

    An order may have no cart. A checkout's row without one yields nothing; any other row that needs a cart is rejected.
    """

    cart_id: str
    day_offset_hours: int = Field(default=0, ge=-12, le=14)


class MoneyColumn(_Section):
    """An amount in major units. `decimals` says how many of its decimals are minor units where the row's currency does
    not: 0 for a column that holds minor units."""

    column: str
    decimals: int | None = Field(default=None, ge=0, le=4)


class PathColumn(_Section):
    """A category path in one column, from the root."""

    column: str
    separator: str | None = None


class OrderMap(_Section):
    """The order. Without `order_id` every row is an order of its own, without `total` it is the sum of the lines."""

    order_id: str | None = None
    currency_code: str | None = None
    total: MoneyColumn | None = None
    discount: MoneyColumn | None = None
    shipping: MoneyColumn | None = None
    tax: MoneyColumn | None = None
    coupon: str | None = None


class DetailMap(_Section):
    """What single kinds have beside lines and carts."""

    step: str | None = None
    query: str | None = None
    category: str | None = None


class LineMap(_Section):
    """One product position; in JSON lines read `inside` an object, or from each element of `list`."""

    inside: str | None = None
    list: str | None = None
    product_id: str
    variant_id: str | None = None
    quantity: str | None = None
    unit_price_minor: MoneyColumn | None = None
    category_path: PathColumn | None = None
    title: str | None = None
    brand: str | None = None
    url: str | None = None
    image_url: str | None = None


class EventFileMap(_Section):
    """A whole map. `columns` is the exact header a CSV file must have; JSON lines have none."""

    name: str
    format: Literal["csv", "segment-jsonl"]
    storefront_id: str
    currency_code: str
    columns: list[str] = []
    time: TimeMap
    kind: KindMap
    event: EventMap = EventMap()
    identity: IdentityMap
    context: ContextMap = ContextMap()
    cart: CartMap
    order: OrderMap = OrderMap()
    detail: DetailMap = DetailMap()
    line: LineMap

    def digest(self) -> str:
        """Hash of what the map says, 32 hexadecimal digits: with the file's hash it names an import."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]


def read_map(path: Path) -> EventFileMap:
    """Reads and checks a map file. Raises MapRefused."""
    try:
        return parse_map(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MapRefused(f"{path}: {error}") from error


def shipped_map(name: str) -> EventFileMap:
    """A map that comes with the project: rees46, taobao or segment. Raises MapRefused."""
    names = shipped_map_names()
    if name not in names:
        raise MapRefused(f"there is no map {name!r}; shipped are {', '.join(names)}")
    folder = resources.files("training.importers") / "maps"
    return parse_map((folder / f"{name}.toml").read_text(encoding="utf-8"))


def shipped_map_names() -> list[str]:
    """The names of the maps that come with the project."""
    folder = resources.files("training.importers") / "maps"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def parse_map(text: str) -> EventFileMap:
    """Checks the text of a map. Raises MapRefused."""
    try:
        read = EventFileMap.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MapRefused(f"not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MapRefused(f"{place}: {first['msg']}") from error
    unknown = sorted(set(read.kind.values.values()) - KIND_NAMES)
    if unknown:
        raise MapRefused(f"kind.values: no event kind {unknown[0]!r}; known are {', '.join(sorted(KIND_NAMES))}")
    if read.format == "csv" and not read.columns:
        raise MapRefused("columns: a CSV map lists the file's header")
    return read
