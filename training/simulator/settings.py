"""What kind of shop is simulated."""

from dataclasses import dataclass

OPEN_RATE = 0.1862
"""Opens per send; this and the next two from a published summary of 708 M commerce messages, 2021 to 2023."""
CLICK_RATE = 0.0110
"""Clicks per send of shoppers whom the message does not bring to buy; those it brings all click."""
UNSUBSCRIBE_RATE = 0.0022
"""Unsubscriptions per send."""
CLICK_DELAY_HOURS = 2.1
"""Median time from send to click, same source."""
WINDOW_HOURS = 71.0
"""No purchase of an abandoned cart comes later than this after the shopper has left."""
MINUTE = 60_000_000
"""Microseconds."""
MINUTES_UNTIL_LEFT = 30
"""A shopper who was inactive for so long has left; delays of contacts count from here."""


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """A shop: the shares are probabilities, the rest is in the unit that the name says.

    What a contact does to a purchase is far stronger here than the published .03 % of purchases per send: a
    few thousand carts must be able to teach it.
    """

    storefront_id: str = "shop"
    currency_code: str = "EUR"
    home_url: str = "https://shop.example"
    products: int = 120
    days: float = 60.0
    """Visits begin within so many days; shoppers come for the first time all through them."""
    days_between_visits: float = 6.0
    return_share: float = 0.75
    """Shoppers who come again, after each visit."""
    browsing_share: float = 0.0
    """Visits that fill no cart: about nine in ten of a real shop. Learning needs carts, so here the default is none."""
    abandoned_share: float = 0.70
    """Carts left without an order in the same session."""
    identified_share: float = 0.88
    """Shoppers whose e-mail address the shop knows; the others are a browser only."""
    consent_share: float = 0.88
    """Identified shoppers who consent to e-mail reminders."""
    harmed_share: float = 0.25
    """Shoppers whom every contact puts off."""
    gaming_share: float = 0.05
    """Shoppers who learn to leave a cart for the coupon."""
    refund_share: float = 0.05
    late_share: float = 0.02
    """Events that arrive up to an hour after they happened."""
    duplicate_share: float = 0.01
    """Events that are sent a second time."""
    response_scale: float = 1.0
    """Multiplies opening, clicking and opting out."""
    unsubscribe_scale: float = 1.0
    """Multiplies opting out once more, so that a shop of sixty shoppers shows it at all."""

    def visits_per_shopper(self) -> float:
        """Expected visits that begin within the days, about."""
        gaps = int(self.days / self.days_between_visits) + 1
        return sum(
            self.return_share**gap * max(0.0, 1 - gap * self.days_between_visits / self.days) for gap in range(gaps)
        )
