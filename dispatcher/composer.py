"""Turns what Confirm says about a cart into a message: opens the restore URL, makes the links, fills the template."""

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cart_recovery.v1.line_pb2 import Cart, Line
from cart_recovery.v1.scoring_pb2 import Go
from dispatcher.channels.channel import Channel, Message
from dispatcher.clock import MICROS
from dispatcher.contacts import Contacts
from dispatcher.links import Links, LinkToken
from dispatcher.money import format_money
from dispatcher.policy import Storefront
from dispatcher.recipient import Recipient
from dispatcher.release import Release
from dispatcher.templates import LineView, LinksView, MessageView, OfferView
from dispatcher.touch import Touch

SHOWN_LINES = 12
"""Cart lines that a message shows; the rest is counted."""


class Composer:
    """Composes messages; does no input or output of its own."""

    def __init__(self, contacts: Contacts, links: Links, *, open_pixel: bool) -> None:
        self._contacts = contacts
        self._links = links
        self._open_pixel = open_pixel

    def compose(
        self, touch: Touch, go: Go, recipient: Recipient, channel: Channel, release: Release, now_micros: int
    ) -> Message:
        """The message of one touch. Raises TemplateMissing, TemplateRefused."""
        storefront = release.storefront(touch.storefront_id)
        token = LinkToken(
            send_id=touch.send_id,
            decision_id=touch.decision_id,
            alias=recipient.alias,
            channel=touch.channel,
            touch=touch.number,
            storefront_id=touch.storefront_id,
        )
        view = self._view(token, go, recipient, storefront)
        return Message(
            send_id=touch.send_id,
            recipient=recipient,
            sender=storefront.sender,
            reply_to=storefront.reply_to,
            parts=release.templates.render(go.action.template_key, channel.parts, view),
            unsubscribe_url=view.links.unsubscribe,
            time_micros=now_micros,
        )

    def _view(self, token: LinkToken, go: Go, recipient: Recipient, storefront: Storefront) -> MessageView:
        cart = go.cart
        shown = cart.lines[:SHOWN_LINES]
        return MessageView(
            brand=storefront.brand_name,
            name=recipient.name,
            language=go.language,
            lines=tuple(self._line(token, line, cart.currency_code, storefront) for line in shown),
            more_lines=len(cart.lines) - len(shown),
            total=_total(cart),
            offer=_offer(go, storefront),
            postal_address=storefront.postal_address,
            links=LinksView(
                restore=self._click(token, "restore", self._contacts.restore_url(cart.sealed_restore_url), storefront),
                home=self._click(token, "home", storefront.home_url, storefront),
                preferences=self._links.url("p", token),
                unsubscribe=self._links.url("u", token),
                pixel=self._links.url("o", token) if self._open_pixel else "",
            ),
        )

    def _line(self, token: LinkToken, line: Line, currency_code: str, storefront: Storefront) -> LineView:
        priced = line.HasField("unit_price_minor")
        return LineView(
            title=line.title,
            quantity=line.quantity,
            price=format_money(_line_minor(line), currency_code) if priced else "",
            image_url=line.image_url if urlsplit(line.image_url).scheme in ("http", "https") else "",
            link=self._click(token, "product", line.url, storefront) if line.url else "",
        )

    def _click(self, token: LinkToken, name: str, target: str, storefront: Storefront) -> str:
        """A click link; one without an allowed target leads to the storefront's home page."""
        allowed = target if storefront.allows(target) else ""
        return self._links.url("c", replace(token, link=name, target=allowed))


def _line_minor(line: Line) -> int:
    return line.quantity * line.unit_price_minor - line.discount_minor


def _total(cart: Cart) -> str:
    if not cart.lines or not all(line.HasField("unit_price_minor") for line in cart.lines):
        return ""
    return format_money(sum(_line_minor(line) for line in cart.lines), cart.currency_code)


def _offer(go: Go, storefront: Storefront) -> OfferView | None:
    if not go.action.offer_id:
        return None
    expires = ""
    if go.action.HasField("offer_expiry_time"):
        expiry_seconds = go.action.offer_expiry_time.ToMicroseconds() / MICROS
        local = datetime.fromtimestamp(expiry_seconds, _zone(storefront.time_zone))
        expires = f"{local.day} {local:%B %Y, %H:%M %Z}"
    return OfferView(label=go.offer_label, code=go.offer_code, expires=expires)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
