"""One visit of one shopper: the events it leaves behind, and the cart that remains if nothing was bought."""

import random
from dataclasses import dataclass

from cart_recovery.v1.commerce_pb2 import (
    CartUpdated,
    CartViewed,
    CheckoutStarted,
    CheckoutStepCompleted,
    OrderCompleted,
    OrderRefunded,
    PaymentFailed,
    ProductAdded,
    ProductRemoved,
    ProductViewed,
)
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.line_pb2 import Cart, Line
from cart_recovery.v1.message_pb2 import OfferRedeemed
from cart_recovery.v1.money_pb2 import Money
from training.simulator.basket import FREE_SHIPPING_FROM_MINOR, Basket, leave
from training.simulator.catalogue import Product
from training.simulator.envelope import Envelope
from training.simulator.introduction import introduction
from training.simulator.response import Offer
from training.simulator.settings import MINUTE, ShopSettings
from training.simulator.shoppers import Shopper
from training.simulator.truth import CartTruth


@dataclass(slots=True)
class Visit:
    """What a visit left: events as (time, event), in order, and a truth where the cart was left."""

    envelope: Envelope
    basket: Basket
    events: list[tuple[int, Event]]
    truth: CartTruth | None


def make_visit(
    shopper: Shopper,
    envelope: Envelope,
    catalogue: list[Product],
    start: int,
    settings: ShopSettings,
    rng: random.Random,
) -> Visit:
    """Plays one visit from its start to the order or to the moment the shopper leaves."""
    basket = Basket(f"cart-{envelope.visit_id}", f"order-{envelope.visit_id}")
    visit = Visit(envelope, basket, [], None)
    clock = start
    if shopper.identified and shopper.visits == 0:
        visit.events += introduction(shopper, envelope, clock)
    if settings.browsing_share and rng.random() < settings.browsing_share:
        for _ in range(_products_seen(rng)):
            clock = _look(visit, shopper, _choose(catalogue, shopper, rng), clock, rng)
        shopper.visits += 1
        return visit
    clock = _browse_and_fill(visit, shopper, catalogue, clock, settings, rng)
    step = _checkout_step(shopper, rng)
    clock = _check_out(visit, step, clock, settings, rng)
    leaves = settings.abandoned_share - 0.06 * (step >= 2) + 0.16 * (step == 0)
    if shopper.gaming:
        leaves += 0.08 * min(shopper.lessons, 3)
    if step < 4 and rng.random() < leaves:
        visit.truth = leave(visit.basket, shopper, step, clock, rng)
    else:
        uses_code = rng.random() < 0.8 * shopper.thrift
        discount = round(0.1 * basket.value_minor) if uses_code else 0
        visit.events += order_events(
            visit, shopper, clock + MINUTE, discount_minor=discount, settings=settings, rng=rng
        )
    shopper.visits += 1
    return visit


def order_events(
    visit: Visit,
    shopper: Shopper,
    time: int,
    *,
    discount_minor: int = 0,
    offer: Offer | None = None,
    source: str = "",
    settings: ShopSettings,
    rng: random.Random,
) -> list[tuple[int, Event]]:
    """The order of a visit's basket, the redemption of the offer it uses, and for a few a refund days later."""
    basket, envelope = visit.basket, visit.envelope
    shopper.orders += 1
    shipping = basket.shipping_minor
    events = []
    if offer is not None:
        saved = min(shipping, offer.discount_minor) if offer.free_shipping else offer.discount_minor
        redeemed = OfferRedeemed(
            offer_id=offer.offer_id,
            decision_id=offer.decision_id,
            discount=Money(minor_units=saved, currency_code=settings.currency_code),
        )
        events.append((time, envelope.event(time, offer_redeemed=redeemed)))
        if offer.free_shipping:
            shipping -= saved
        else:
            discount_minor = saved
    total = Money(minor_units=basket.value_minor - discount_minor + shipping, currency_code=settings.currency_code)
    order = OrderCompleted(
        order_id=basket.order_id,
        cart_id=basket.cart_id,
        lines=basket.lines,
        total=total,
        discount_minor=discount_minor,
        shipping_minor=shipping,
        source=source,
    )
    events.append((time, envelope.event(time, order_completed=order)))
    if rng.random() < settings.refund_share:
        later = time + round(rng.uniform(4, 12) * 24 * 60) * MINUTE
        refund = OrderRefunded(order_id=basket.order_id, amount=total, lines=basket.lines)
        events.append((later, envelope.event(later, order_refunded=refund)))
    return events


def _browse_and_fill(
    visit: Visit, shopper: Shopper, catalogue: list[Product], clock: int, settings: ShopSettings, rng: random.Random
) -> int:
    envelope, basket = visit.envelope, visit.basket
    for _ in range(_products_seen(rng)):
        product = _choose(catalogue, shopper, rng)
        clock = _look(visit, shopper, product, clock, rng)
        if any(chosen.product_id == product.product_id for chosen in basket.products):
            continue
        line = Line()
        line.CopyFrom(product.line)
        line.quantity = 2 if rng.random() < 0.12 else 1
        added = ProductAdded(cart_id=basket.cart_id, line=line, currency_code=settings.currency_code)
        visit.events.append((clock, envelope.event(clock, product_added=added)))
        clock += round(rng.uniform(5, 60)) * 1_000_000
        if basket.lines and rng.random() < 0.15 * shopper.thrift:
            removed = ProductRemoved(cart_id=basket.cart_id, line=line)
            visit.events.append((clock, envelope.event(clock, product_removed=removed)))
            clock += 10_000_000
            continue
        basket.lines.append(line)
        basket.products.append(product)
    return clock


def _products_seen(rng: random.Random) -> int:
    return 1 + min(2, int(rng.expovariate(1.1)))


def _look(visit: Visit, shopper: Shopper, product: Product, clock: int, rng: random.Random) -> int:
    """The more a shopper is interested, the more often and the longer."""
    for _ in range(1 + min(4, max(0, round(0.8 + 0.9 * shopper.interest + rng.gauss(0, 0.5))))):
        dwell = max(3, round(30 * rng.lognormvariate(0.25 * shopper.interest, 0.5)))
        view = ProductViewed(product=product.line, dwell_seconds=dwell)
        visit.events.append((clock, visit.envelope.event(clock, product_viewed=view)))
        clock += dwell * 1_000_000
    return clock


def _choose(catalogue: list[Product], shopper: Shopper, rng: random.Random) -> Product:
    """The thriftier, the likelier a product on sale."""
    wants_sale = rng.random() < 0.05 + 0.9 * shopper.thrift
    product = rng.choice(catalogue)
    for _ in range(12):
        if product.on_sale == wants_sale:
            break
        product = rng.choice(catalogue)
    return product


def _checkout_step(shopper: Shopper, rng: random.Random) -> int:
    """0 cart only, 1 checkout started, 2 first step completed, 3 payment failed; 4 goes on to pay."""
    eagerness = 0.4 * shopper.interest + rng.gauss(0, 1)
    if eagerness < -0.1:
        return 0
    if eagerness < 0.5:
        return 1
    if eagerness < 1.3:
        return 2
    return 3 if rng.random() < 0.35 else 4


def _check_out(visit: Visit, step: int, clock: int, settings: ShopSettings, rng: random.Random) -> int:
    envelope, basket = visit.envelope, visit.basket
    cart = Cart(
        cart_id=basket.cart_id,
        lines=basket.lines,
        currency_code=settings.currency_code,
        shop_version=len(visit.events),
        shipping_minor=basket.shipping_minor,
        promised_delivery_days=rng.randint(1, 5),
        free_shipping_from_minor=FREE_SHIPPING_FROM_MINOR,
        restore_url=f"{settings.home_url}/cart/{basket.cart_id}",
    )
    kinds: list[dict[str, object]] = [{"cart_updated": CartUpdated(cart=cart)}]
    kinds.append({"cart_viewed": CartViewed(cart_id=basket.cart_id)})
    if step >= 1:
        kinds.append({"checkout_started": CheckoutStarted(cart_id=basket.cart_id)})
    if step >= 2:
        kinds.append({"checkout_step_completed": CheckoutStepCompleted(cart_id=basket.cart_id, step=1)})
    if step == 3:
        kinds.append({"payment_failed": PaymentFailed(cart_id=basket.cart_id, failure_code="insufficient_funds")})
    for kind in kinds:
        visit.events.append((clock, envelope.event(clock, **kind)))
        clock += round(rng.uniform(10, 90)) * 1_000_000
    return visit.events[-1][0]
