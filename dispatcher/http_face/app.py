"""Click redirect, one-click unsubscribe, preference page and open pixel. Every path ends in a signed token; every
answer becomes an event that names the person by alias."""

from asyncio import Semaphore
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import structlog
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.message_pb2 import MessageOutcome, Opener
from dispatcher import metrics
from dispatcher.bundle import BundleRefused
from dispatcher.clock import MICROS, Clock
from dispatcher.http_face import pages
from dispatcher.links import LinkRefused, Links, LinkToken
from dispatcher.outcomes import outcome_event
from dispatcher.policy import channels_of
from dispatcher.release import ActiveRelease
from dispatcher.scorer import Scorer, ScorerError

CLICK_TIMEOUT_SECONDS = 2.0
OPT_OUT_TIMEOUT_SECONDS = 5.0
FORM_LIMIT_BYTES = 4_096

SCORER_CALLS = 128
"""So many calls of the scorer at once. Beyond them an opt-out is answered 503, and a click goes on untold."""

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

MACHINE_OPENERS = ("GoogleImageProxy", "YahooMailProxy", "bot", "preview")
"""Parts of user agents that fetch images for a mailbox rather than for a reader."""

log = structlog.get_logger(__name__)


class TooManyCalls(ScorerError):
    """As many calls as may wait for the scorer do so already."""


@dataclass(frozen=True, slots=True)
class Face:
    """The handlers of the HTTP face."""

    clock: Clock
    links: Links
    release: ActiveRelease
    scorer: Scorer
    calls: Semaphore = field(default_factory=lambda: Semaphore(SCORER_CALLS))

    async def click(self, request: Request) -> Response:
        """Redirects to the storefront, whatever becomes of the event."""
        token = self._token(request)
        storefront = self.release.current().storefront(token.storefront_id)
        target = token.target if storefront.allows(token.target) else storefront.home_url
        if not target:
            return pages.nothing_here()
        response = RedirectResponse(target, status_code=302, headers=pages.HEADERS)
        # Link checkers ask with HEAD; only a reader's GET is a click.
        if request.method == "GET":
            outcome = token.outcome()
            outcome.clicked.link = token.link
            response.background = BackgroundTask(self._tell, self._event(token, outcome, detail=token.link))
        return response

    async def unsubscribe(self, request: Request) -> Response:
        """GET shows the button; POST, also a mailbox's one-click, opts out of every channel."""
        token = self._token(request)
        if request.method != "POST":
            return pages.unsubscribe_form(self._brand(token))
        return await self._opt_out(token, [])

    async def preferences(self, request: Request) -> Response:
        """GET shows what may be stopped; POST opts out of what was ticked, and of nothing else."""
        token = self._token(request)
        if request.method != "POST":
            return pages.preference_form(self._brand(token), self._channels())
        chosen = await _form_values(request, pages.STOP_FIELD)
        if pages.STOP_EVERYTHING in chosen:
            return await self._opt_out(token, [])
        channels = [channel for channel in pages.CHANNEL_WORDS if str(channel) in chosen]
        return await self._opt_out(token, channels) if channels else pages.nothing_stopped()

    async def pixel(self, request: Request) -> Response:
        """A transparent picture; asking for it is an open."""
        token = self._token(request)
        response = Response(PIXEL, media_type="image/gif", headers=pages.HEADERS)
        # As with a click: a HEAD shows nobody the picture.
        if request.method == "GET":
            agent = request.headers.get("user-agent", "")
            machine = any(part.lower() in agent.lower() for part in MACHINE_OPENERS)
            outcome = token.outcome()
            outcome.opened.opener = Opener.OPENER_MACHINE if machine else Opener.OPENER_HUMAN
            event = self._event(token, outcome, detail=str(outcome.opened.opener))
            response.background = BackgroundTask(self._tell, event)
        return response

    def _token(self, request: Request) -> LinkToken:
        return self.links.open(request.path_params["token"])

    def _brand(self, token: LinkToken) -> str:
        """What the storefront is called, in the pages of an opt-out: these are shown with or without a bundle."""
        try:
            return self.release.current().storefront(token.storefront_id).brand_name or pages.SOME_BRAND
        except BundleRefused:
            return pages.SOME_BRAND

    def _channels(self) -> Iterable[Channel.ValueType]:
        try:
            return channels_of(self.release.current().policy)
        except BundleRefused:
            return pages.CHANNEL_WORDS

    def _event(self, token: LinkToken, outcome: MessageOutcome, detail: str) -> Event:
        return outcome_event(token.storefront_id, token.alias, outcome, self.clock.now_micros(), detail)

    async def _opt_out(self, token: LinkToken, channels: Sequence[Channel.ValueType]) -> Response:
        """Opts out of these channels, of all where none is named."""
        outcome = token.outcome()
        outcome.unsubscribed.SetInParent()
        outcome.unsubscribed.channels.extend(channels)
        # First of all: an opt-out needs no bundle, only the words of the page do.
        if not await self._journalled(token, outcome):
            return pages.not_saved_yet()
        return pages.stopped(self._brand(token), channels)

    async def _journalled(self, token: LinkToken, outcome: MessageOutcome) -> bool:
        # A later opt-out is a new one, even by the same link: the person may have agreed again in between.
        # So is one of other channels, however soon it comes.
        detail = " ".join(map(str, (self.clock.now_micros() // MICROS, *outcome.unsubscribed.channels)))
        event = self._event(token, outcome, detail)
        try:
            await self._track(event, journalled=True, timeout_seconds=OPT_OUT_TIMEOUT_SECONDS)
        except ScorerError as error:
            log.error("opt_out_not_journalled", send_id=token.send_id, cause=type(error).__name__)
            return False
        return True

    async def _tell(self, event: Event) -> None:
        try:
            await self._track(event, journalled=False, timeout_seconds=CLICK_TIMEOUT_SECONDS)
        except ScorerError as error:
            log.warning("event_not_told", send_id=event.message_outcome.send_id, cause=type(error).__name__)

    async def _track(self, event: Event, *, journalled: bool, timeout_seconds: float) -> None:
        if self.calls.locked():
            raise TooManyCalls
        async with self.calls:
            await self.scorer.track_once(event, journalled=journalled, timeout_seconds=timeout_seconds)


def create_app(face: Face, *, open_pixel: bool) -> Starlette:
    """The ASGI application; the pixel has no route unless asked for."""
    routes = [
        Route("/c/{token}", face.click, methods=["GET", "HEAD"]),
        Route("/u/{token}", face.unsubscribe, methods=["GET", "POST"]),
        Route("/p/{token}", face.preferences, methods=["GET", "POST"]),
    ]
    if open_pixel:
        routes.append(Route("/o/{token}", face.pixel, methods=["GET", "HEAD"]))
    return Starlette(routes=routes, exception_handlers={LinkRefused: _refused, BundleRefused: _no_way, 404: _not_found})


async def _form_values(request: Request, name: str) -> set[str]:
    """The values of one field of a posted form; what exceeds the limit counts as not sent."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk[: FORM_LIMIT_BYTES - len(body)]
    except ClientDisconnect:
        # Half a form chooses nothing, and nobody is there to be told so.
        return set()
    return set(parse_qs(body.decode(errors="replace")).get(name, ()))


async def _refused(_request: Request, _error: Exception) -> Response:
    metrics.HTTP_REFUSALS.inc()
    return pages.link_refused()


async def _not_found(_request: Request, _error: Exception) -> Response:
    return pages.nothing_here()


async def _no_way(_request: Request, _error: Exception) -> Response:
    return pages.no_way_yet()
