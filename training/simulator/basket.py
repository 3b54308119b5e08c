"""The cart of one visit as the shopper sees it, and the truth about it once it is left."""

import math
import random
from dataclasses import dataclass, field

from cart_recovery.v1.event_pb2 import DeviceClass
from cart_recovery.v1.line_pb2 import Line
from training.simulator.catalogue import Product
from training.simulator.settings import MINUTE, MINUTES_UNTIL_LEFT
from training.simulator.shoppers import Shopper, logistic
from training.simulator.truth import CartTruth

SHIPPING_MINOR = 490
FREE_SHIPPING_FROM_MINOR = 7500


@dataclass(slots=True)
class Basket:
    """The cart of a visit, as the shopper sees it."""

    cart_id: str
    order_id: str
    lines: list[Line] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)

    @property
    def value_minor(self) -> int:
        """Sum of price times quantity."""
        return sum(line.unit_price_minor * line.quantity for line in self.lines)

    @property
    def margin_minor(self) -> int:
        """Value less cost."""
        pairs = zip(self.lines, self.products, strict=True)
        return sum(line.quantity * (line.unit_price_minor - product.cost_minor) for line, product in pairs)

    @property
    def shipping_minor(self) -> int:
        """Free from a certain value on."""
        return 0 if self.value_minor >= FREE_SHIPPING_FROM_MINOR else SHIPPING_MINOR


def leave(basket: Basket, shopper: Shopper, step: int, last_activity: int, rng: random.Random) -> CartTruth:
    """The truth about a basket that is left after a checkout step; drawn once, a little of it by chance."""
    dearness = math.log(max(basket.value_minor, 100) / 9000)
    organic = (
        -2.2
        + 0.55 * shopper.interest
        + 0.35 * step
        + 0.15 * min(shopper.orders, 3)
        - 0.3 * dearness
        + (0.9 if shopper.harmed else 0.0)
        + (0.4 * min(shopper.lessons, 3) if shopper.gaming else 0.0)
        + rng.gauss(0, 0.25)
    )
    return CartTruth(
        cart_id=basket.cart_id,
        shopper_number=shopper.number,
        left_micros=last_activity + MINUTES_UNTIL_LEFT * MINUTE,
        value_minor=basket.value_minor,
        margin_minor=basket.margin_minor * 0.95,
        organic=min(0.85, logistic(organic)),
        harmed=shopper.harmed,
        thrift=1.0 if shopper.gaming and shopper.lessons else shopper.thrift,
        hot=step >= 2,
        phone=shopper.device == DeviceClass.DEVICE_CLASS_PHONE,
    )
