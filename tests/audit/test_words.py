"""What a person reads of a single event: an amount that nobody stated is left out."""

from collections.abc import Callable

import pytest

from audit.journal import messages
from audit.steps import describe
from cart_recovery.rehearsal.story import Story
from cart_recovery.v1.event_pb2 import Event
from tests.audit.shop import HOUR, Shop

Happening = Callable[[Shop, str], None]


def redeemed(discount: int | None) -> Happening:
    """The offer of a decision is used."""
    return lambda shop, decision: shop.redeem(1, 2 * HOUR, discount, decision_id=decision)


def unpriced(shop: Shop, _: str) -> None:
    """The cart is bought, and the shop says no price."""
    line = {"product_id": "boots", "quantity": 1}
    shop.event(1, 2 * HOUR, order_completed={"order_id": "one", "cart_id": "cart-1", "lines": [line]})


def ordered(total: int) -> Happening:
    """The cart is bought."""
    return lambda shop, _: shop.order(1, 2 * HOUR, total=total, cart="cart-1")


def shop_with(happening: Happening) -> Shop:
    """A cart that was decided about, and what came of it."""
    shop = Shop()
    shop.add(1, 0)
    happening(shop, shop.decide(1, HOUR, action="email_1h", offer="ten"))
    return shop


def last_event(shop: Shop) -> Event:
    """The event that happened last."""
    return [message.event for _, message in messages(shop.journal())][-1]


def told(shop: Shop) -> list[str]:
    """The story of a journal, without its clock times."""
    said: list[str] = []
    story = Story(said.append, name_of=lambda _: "Ada")
    for _, message in messages(shop.journal()):
        story.journalled(message)
    return [words[words.index("Ada") :] for words in said]


@pytest.mark.parametrize(
    ("happening", "step", "words"),
    [
        (redeemed(490), "redeemed ten for 4.90 EUR", "Ada uses the offer and saves 4.90 EUR"),
        (redeemed(0), "redeemed ten for 0.00 EUR", "Ada uses the offer and saves 0.00 EUR"),
        (redeemed(None), "redeemed ten", "Ada uses the offer"),
        (ordered(8_990), "ordered for 89.90 EUR", "Ada comes back and buys for 89.90 EUR"),
        (ordered(0), "ordered for 0.00 EUR", "Ada comes back and buys for 0.00 EUR"),
        (unpriced, "ordered", "Ada comes back and buys"),
    ],
)
def test_an_amount_is_told_where_it_is_stated(happening: Happening, step: str, words: str) -> None:
    shop = shop_with(happening)
    assert describe(last_event(shop)) == step
    assert told(shop)[-1] == words
