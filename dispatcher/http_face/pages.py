"""The few HTML pages a recipient sees. No script, no foreign resource, nothing about the person."""

from collections.abc import Iterable, Sequence
from html import escape

from starlette.responses import HTMLResponse

from cart_recovery.v1.channel_pb2 import Channel

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

RETRY_AFTER_SECONDS = 30

STOP_FIELD = "stop"
"""The preference form's only field: channels, or STOP_EVERYTHING."""
STOP_EVERYTHING = "everything"

SOME_BRAND = "This shop"
"""Stands for the brand where no bundle says what it is called; both only ever begin a sentence."""

CHANNEL_WORDS = {
    Channel.CHANNEL_EMAIL: "by e-mail",
    Channel.CHANNEL_SMS: "by text message",
    Channel.CHANNEL_PUSH: "by push notification",
    Channel.CHANNEL_IN_APP: "in the app",
    Channel.CHANNEL_WEBHOOK: "in any other way",
}

LAYOUT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body{{font-family:sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;line-height:1.5;color:#222}}
button{{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.3rem;background:#222;color:#fff}}
label{{display:block;margin:.5rem 0}}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""


def unsubscribe_form(brand: str) -> HTMLResponse:
    """Asks for the one click, since mail scanners follow links."""
    promise = f"<p>{escape(brand)} will send you no more of these messages.</p>"
    return _page(200, "Unsubscribe", f'{promise}<form method="post"><button>Unsubscribe</button></form>')


def stopped(brand: str, channels: Sequence[Channel.ValueType]) -> HTMLResponse:
    """The opt-out of these channels, or of all where none is named, is in the journal."""
    if not channels:
        return _page(200, "You are unsubscribed", f"<p>{escape(brand)} will send you no more of these messages.</p>")
    ways = ", ".join(CHANNEL_WORDS[channel] for channel in channels)
    return _page(200, "Saved", f"<p>{escape(brand)} will no longer write to you {ways}.</p>")


def preference_form(brand: str, channels: Iterable[Channel.ValueType]) -> HTMLResponse:
    """One empty box for each channel to stop: what was chosen before is known to the engine alone, and an opt-out is
    taken back by a new consent, not here."""
    boxes = "".join(
        f'<label><input type="checkbox" name="{STOP_FIELD}" value="{channel}">'
        f" Do not write to me {CHANNEL_WORDS[channel]}</label>"
        for channel in channels
    )
    promise = f"<p>{escape(brand)} stops what you tick. What you do not tick stays as it is.</p>"
    # A form sent by the Enter key is sent by its first button.
    save = "<p><button>Save</button></p>"
    everything = f'<p><button name="{STOP_FIELD}" value="{STOP_EVERYTHING}">Stop everything</button></p>'
    return _page(200, "Your preferences", f'{promise}<form method="post">{boxes}{save}{everything}</form>')


def nothing_stopped() -> HTMLResponse:
    """The form came without a choice."""
    return _page(200, "Nothing was changed", "<p>You ticked nothing, so everything stays as it is.</p>")


def not_saved_yet() -> HTMLResponse:
    """The choice could not be made sure of."""
    return _later("Your choice could not be saved just now.")


def no_way_yet() -> HTMLResponse:
    """Nothing says yet where the link may lead."""
    return _later("This link cannot be followed just now.")


def link_refused() -> HTMLResponse:
    """The link is not ours, or was altered; no word about which."""
    return _page(400, "This link does not work", "<p>Please use the link as it stands in the message.</p>")


def nothing_here() -> HTMLResponse:
    """A link without a place to lead to."""
    return _page(404, "Nothing here", "<p>This page does not exist.</p>")


def _later(cause: str) -> HTMLResponse:
    page = _page(503, "Please try again", f"<p>{cause} Please try again in a minute.</p>")
    page.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return page


def _page(status: int, title: str, body: str) -> HTMLResponse:
    return HTMLResponse(LAYOUT.format(title=title, body=body), status_code=status, headers=HEADERS)
