"""The simulated shop's products: prices, costs, stock, and how they change."""

import random
from dataclasses import dataclass

from cart_recovery.v1.commerce_pb2 import ProductUpdated
from cart_recovery.v1.line_pb2 import Line
from training.simulator.settings import ShopSettings

_CATEGORIES = {
    "shoes": (("boots", "trainers", "sandals"), 8900, 0.52),
    "clothing": (("coats", "shirts", "knitwear"), 5900, 0.48),
    "kitchen": (("pans", "knives", "coffee"), 4200, 0.60),
    "outdoor": (("tents", "lamps", "bottles"), 6500, 0.58),
}
_BRANDS = ("Alder", "Birch", "Cedar", "Damson", "Elm", "Fern")
_COLOURS = ("black", "green", "sand", "blue", "white")


@dataclass(slots=True)
class Product:
    """One product; `line` is one piece of it at its present price."""

    product_id: str
    list_price_minor: int
    price_minor: int
    cost_minor: int
    stock: int
    line: Line

    def updated(self, currency_code: str) -> ProductUpdated:
        """The catalogue event that tells the present state."""
        line = self.line
        return ProductUpdated(
            product_id=self.product_id,
            title=line.title,
            url=line.url,
            image_url=line.image_url,
            category_path=line.category_path,
            brand=line.brand,
            currency_code=currency_code,
            price_minor=self.price_minor,
            list_price_minor=self.list_price_minor,
            cost_minor=self.cost_minor,
            stock=self.stock,
        )

    @property
    def on_sale(self) -> bool:
        """Below its list price."""
        return self.price_minor < self.list_price_minor

    def reprice(self, rng: random.Random) -> None:
        """A new price, a third of the time below the list price, and a new stock."""
        share = rng.choice((0.75, 0.8, 0.85)) if rng.random() < 0.33 else 1.0
        self.price_minor = round(self.list_price_minor * share)
        self.line.unit_price_minor = self.price_minor
        self.stock = rng.randint(20, 400)


def build_catalogue(settings: ShopSettings, rng: random.Random) -> list[Product]:
    """As many products as the settings say, over four departments."""
    departments = list(_CATEGORIES.items())
    products = []
    for number in range(settings.products):
        department, (kinds, middle_price, cost_share) = departments[number % len(departments)]
        kind = rng.choice(kinds)
        brand = rng.choice(_BRANDS)
        list_price = max(900, round(middle_price * rng.lognormvariate(0, 0.5) / 100) * 100 - 5)
        price = round(list_price * rng.choice((0.75, 0.8, 0.85))) if number % 3 == 0 else list_price
        product_id = f"p-{number}"
        line = Line(
            product_id=product_id,
            quantity=1,
            unit_price_minor=price,
            list_price_minor=list_price,
            title=f"{brand} {kind}, {rng.choice(_COLOURS)}",
            category_path=(department, kind),
            brand=brand,
            url=f"{settings.home_url}/products/{product_id}",
            image_url=f"{settings.home_url}/images/{product_id}.jpg",
        )
        cost = round(list_price * min(0.62, max(0.35, rng.gauss(cost_share - 0.05, 0.05))))
        products.append(Product(product_id, list_price, price, cost, rng.randint(20, 400), line))
    return products
