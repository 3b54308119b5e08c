"""The few HTML pages a recipient sees. No script, no foreign resource, nothing about the person."""

from collections.abc import Sequence
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

CHANNEL_WORDS = {
    Channel.CHANNEL_EMAIL: "E-mail",
    Channel.CHANNEL_SMS: "Text message",
    Channel.CHANNEL_PUSH: "Push notification",
    Channel.CHANNEL_IN_APP: "Message in the app",
    Channel.CHANNEL_WEBHOOK: "Other messages",
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


def unsubscribed(brand: str) -> HTMLResponse:
    """The opt-out is in the journal."""
    return _page(200, "You are unsubscribed", f"<p>{escape(brand)} will send you no more of these messages.</p>")


def preference_form(brand: str, channels: Sequence[Channel.ValueType]) -> HTMLResponse:
    """One box for each channel; a box left empty opts out of its channel."""
    boxes = "".join(
        f'<label><input type="checkbox" name="channel" value="{channel}" checked> {CHANNEL_WORDS[channel]}</label>'
        for channel in channels
    )
    body = f'<p>How may {escape(brand)} reach you?</p><form method="post">{boxes}<p><button>Save</button></p></form>'
    return _page(200, "Your preferences", body)


def preferences_saved() -> HTMLResponse:
    """The choice is in the journal."""
    return _page(200, "Saved", "<p>Your choice holds from now on.</p>")


def not_saved_yet() -> HTMLResponse:
    """The choice could not be made sure of."""
    page = _page(
        503, "Please try again", "<p>Your choice could not be saved just now. Please try again in a minute.</p>"
    )
    page.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return page


def link_refused() -> HTMLResponse:
    """The link is not ours, or was altered; no word about which."""
    return _page(400, "This link does not work", "<p>Please use the link as it stands in the message.</p>")


def nothing_here() -> HTMLResponse:
    """A link without a place to lead to."""
    return _page(404, "Nothing here", "<p>This page does not exist.</p>")


def _page(status: int, title: str, body: str) -> HTMLResponse:
    return HTMLResponse(LAYOUT.format(title=title, body=body), status_code=status, headers=HEADERS)
