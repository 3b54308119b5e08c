"""The HTTP face as mailboxes, browsers and strangers meet it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from cart_recovery.composition import dispatcher_settings
from cart_recovery.keys import ensure_keys
from cart_recovery.settings import load_settings
from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.message_pb2 import Opener
from dispatcher.http_face.app import SCORER_CALLS
from dispatcher.http_face.connections import CONNECTIONS
from dispatcher.links import Links, LinkToken
from tests.dispatcher.conftest import Start
from tests.dispatcher.world import STOREFRONT, World, policy

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

NOBODY = "nats://127.0.0.1:9"
"""No server is there."""

TOKEN = LinkToken(
    send_id=secrets.token_hex(16),
    decision_id=secrets.token_hex(16),
    alias=secrets.token_bytes(16),
    channel=Channel.CHANNEL_EMAIL,
    touch=1,
    storefront_id=STOREFRONT,
)


class Browser:
    """Follows links of the world's dispatcher, and no redirects."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self._links = Links(world.settings.link_key, "")
        self.client = client

    def path(self, kind: str, token: LinkToken = TOKEN) -> str:
        return self._links.url(kind, token)

    async def get(self, kind: str, token: LinkToken = TOKEN) -> httpx.Response:
        return await self.client.get(self.path(kind, token))

    async def post(self, kind: str, content: str = "") -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.client.post(self.path(kind), content=content, headers=headers)


@pytest_asyncio.fixture
async def browser(world: World, start: Start) -> AsyncIterator[Browser]:
    world.change(http_port=0, open_pixel=True)
    running = await start()
    base = f"http://127.0.0.1:{running.dispatcher.http_port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        yield Browser(world, client)


async def test_click_leads_to_the_storefront_and_is_recorded_once(world: World, browser: Browser) -> None:
    token = replace(TOKEN, link="restore", target="https://shop.example/cart?restore=1")
    for _ in range(2):
        answer = await browser.get("c", token)
        assert (answer.status_code, answer.headers["location"]) == (302, token.target)
    clicked = await world.scorer.outcome("clicked")
    assert (clicked.send_id, clicked.clicked.link) == (TOKEN.send_id, "restore")
    assert len(world.scorer.outcomes("clicked")) == 1
    assert list(world.scorer.tracked[0].identity.aliases) == [TOKEN.alias]


async def test_link_checkers_do_not_click(world: World, browser: Browser) -> None:
    answer = await browser.client.head(browser.path("c", replace(TOKEN, target="https://shop.example/")))
    assert answer.status_code == 302
    await browser.get("o")
    await world.scorer.outcome("opened")
    assert not world.scorer.outcomes("clicked")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "https://[broken",
        "https://shop.example:notaport/",
        "",
    ],
)
async def test_click_never_leaves_the_storefronts_hosts(browser: Browser, target: str) -> None:
    answer = await browser.get("c", replace(TOKEN, target=target))
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/")


async def test_click_goes_on_though_the_scorer_is_away(world: World, browser: Browser) -> None:
    world.scorer.away = True
    answer = await browser.get("c", replace(TOKEN, target="https://shop.example/cart"))
    assert answer.headers["location"] == "https://shop.example/cart"


async def test_storefront_redirects_to_its_own_hosts(world: World, browser: Browser) -> None:
    content = policy()
    content.storefronts.add(storefront_id="other", hosts=["other.example"], home_url="https://other.example/")
    world.activate(content)
    token = replace(TOKEN, storefront_id="other", target="https://shop.example/cart")
    assert (await browser.get("c", token)).headers["location"] == "https://other.example/"


async def test_opening_the_unsubscribe_page_changes_nothing(world: World, browser: Browser) -> None:
    answer = await browser.get("u")
    assert answer.status_code == 200 and '<form method="post">' in answer.text
    assert "Shop &amp; Sons" in answer.text
    assert not world.scorer.tracked


async def test_one_click_unsubscribes_from_every_channel(world: World, browser: Browser) -> None:
    answer = await browser.post("u", "List-Unsubscribe=One-Click")
    assert answer.status_code == 200
    unsubscribed = await world.scorer.outcome("unsubscribed")
    assert unsubscribed.send_id == TOKEN.send_id and not unsubscribed.unsubscribed.channels


async def test_unsubscribe_that_is_not_journalled_says_so(world: World, browser: Browser) -> None:
    world.scorer.away = True
    answer = await browser.post("u", "List-Unsubscribe=One-Click")
    assert answer.status_code == 503 and answer.headers["retry-after"]


async def test_unsubscribe_waits_for_the_journal(world: World, browser: Browser) -> None:
    async def never(_event: Event) -> None:
        world.scorer.away = True
        raise ConnectionError

    world.scorer.before_track = never
    assert (await browser.post("u")).status_code == 503


@asynccontextmanager
async def silent_clients(browser: Browser, sent: str = "") -> AsyncIterator[list[asyncio.StreamReader]]:
    """More clients than the face has connections for, who say so much and no more."""
    port = browser.client.base_url.port
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS + 44)]
    try:
        for _, writer in opened:
            writer.write(sent.encode())
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.transport.abort()


HALF_A_HEAD = "POST /u/"
HALF_A_FORM = "POST {path} HTTP/1.1\r\nHost: face\r\nContent-Length: 100\r\n\r\nstop="


@pytest.mark.parametrize("sent", ["", HALF_A_HEAD, HALF_A_FORM], ids=["nothing", "half a head", "half a form"])
async def test_silent_clients_keep_nobody_from_opting_out(world: World, browser: Browser, sent: str) -> None:
    async with silent_clients(browser, sent.format(path=browser.path("p"))) as clients:
        for _ in range(3):
            assert (await browser.post("u", "List-Unsubscribe=One-Click")).status_code == 200
        # The longest silent had to give way.
        assert await clients[0].read() == b""
    assert len(world.scorer.outcomes("unsubscribed")) >= 1


async def test_silent_clients_do_not_cut_a_request_in_hand(world: World, browser: Browser) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def slowly(_event: Event) -> None:
        begun.set()
        await release.wait()

    world.scorer.before_track = slowly
    in_hand = asyncio.create_task(browser.post("u"))
    await begun.wait()
    async with silent_clients(browser) as clients:
        assert await clients[0].read() == b""
        release.set()
        assert (await in_hand).status_code == 200


async def test_when_too_many_wait_for_the_scorer_opt_outs_are_put_off_and_clicks_lead_on(
    world: World, browser: Browser
) -> None:
    waiting, release = asyncio.Semaphore(0), asyncio.Event()

    async def slowly(_event: Event) -> None:
        waiting.release()
        await release.wait()

    world.scorer.before_track = slowly
    async with httpx.AsyncClient(
        base_url=browser.client.base_url, trust_env=False, limits=httpx.Limits(max_connections=None)
    ) as crowd:
        in_hand = [asyncio.create_task(crowd.post(browser.path("u"))) for _ in range(SCORER_CALLS)]
        for _ in in_hand:
            await waiting.acquire()
        put_off = await browser.post("u")
        assert put_off.status_code == 503 and put_off.headers["retry-after"]
        assert (await browser.get("c", replace(TOKEN, target="https://shop.example/cart"))).status_code == 302
        release.set()
        assert {answer.status_code for answer in await asyncio.gather(*in_hand)} == {200}
    assert not world.scorer.outcomes("clicked")
    assert (await browser.post("u")).status_code == 200


async def test_preferences_claim_nothing_about_earlier_choices(browser: Browser) -> None:
    page = await browser.get("p")
    assert page.status_code == 200 and page.text.count('type="checkbox"') == 2
    assert "checked" not in page.text
    assert "Do not write to me by e-mail" in page.text and "Do not write to me by text message" in page.text


async def test_preferences_stop_what_was_ticked(world: World, browser: Browser) -> None:
    answer = await browser.post("p", f"stop={Channel.CHANNEL_SMS}")
    assert answer.status_code == 200 and "no longer write to you by text message" in answer.text
    unsubscribed = await world.scorer.outcome("unsubscribed")
    assert list(unsubscribed.unsubscribed.channels) == [Channel.CHANNEL_SMS]


async def test_preferences_stop_everything(world: World, browser: Browser) -> None:
    page = await browser.get("p")
    assert 'name="stop" value="everything"' in page.text
    answer = await browser.post("p", f"stop={Channel.CHANNEL_SMS}&stop=everything")
    assert answer.status_code == 200 and "You are unsubscribed" in answer.text
    unsubscribed = await world.scorer.outcome("unsubscribed")
    assert unsubscribed.HasField("unsubscribed") and not unsubscribed.unsubscribed.channels


@pytest.mark.parametrize("content", ["", "stop=", "stop=0", f"channel={Channel.CHANNEL_EMAIL}"])
async def test_preferences_without_a_choice_change_nothing_and_say_so(
    world: World, browser: Browser, content: str
) -> None:
    answer = await browser.post("p", content)
    assert answer.status_code == 200 and "Nothing was changed" in answer.text
    assert not world.scorer.tracked


async def test_opt_outs_of_other_channels_are_told_apart_within_a_moment(world: World, browser: Browser) -> None:
    await browser.post("p", f"stop={Channel.CHANNEL_SMS}")
    await browser.post("p", "stop=everything")
    await browser.post("p", f"stop={Channel.CHANNEL_EMAIL}")
    assert len({event.event_id for event in world.scorer.tracked}) == 3


async def test_preferences_that_are_not_journalled_say_so(world: World, browser: Browser) -> None:
    world.scorer.away = True
    answer = await browser.post("p", f"stop={Channel.CHANNEL_SMS}")
    assert answer.status_code == 503 and "could not be saved" in answer.text


@pytest.mark.parametrize(
    ("kind", "content"),
    [("u", "List-Unsubscribe=One-Click"), ("p", f"stop={Channel.CHANNEL_PUSH}"), ("p", "stop=everything")],
)
async def test_opt_out_is_taken_and_answered_without_a_bundle(
    world: World, browser: Browser, kind: str, content: str
) -> None:
    (world.settings.data_directory / "bundles" / "active").unlink()
    page = await browser.get(kind)
    assert page.status_code == 200 and "This shop" in page.text and "<form" in page.text
    answer = await browser.post(kind, content)
    assert answer.status_code == 200 and "This shop will" in answer.text
    assert len(world.scorer.outcomes("unsubscribed")) == 1
    world.scorer.away = True
    assert (await browser.post(kind, content)).status_code == 503


async def test_click_without_a_bundle_asks_for_patience(world: World, browser: Browser) -> None:
    (world.settings.data_directory / "bundles" / "active").unlink()
    answer = await browser.get("c", replace(TOKEN, target="https://shop.example/cart"))
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert "saved" not in answer.text


async def test_pixel_tells_machines_from_readers(world: World, browser: Browser) -> None:
    machine = await browser.client.get(browser.path("o"), headers={"User-Agent": "GoogleImageProxy"})
    reader = await browser.client.get(browser.path("o"), headers={"User-Agent": "Mozilla/5.0 (Macintosh)"})
    assert machine.headers["content-type"] == reader.headers["content-type"] == "image/gif"
    await world.scorer.outcome("opened", count=2)
    openers = {outcome.opened.opener for outcome in world.scorer.outcomes("opened")}
    assert openers == {Opener.OPENER_MACHINE, Opener.OPENER_HUMAN}


async def test_link_checkers_do_not_open(world: World, browser: Browser) -> None:
    answer = await browser.client.head(browser.path("o"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    await browser.get("c")
    await world.scorer.outcome("clicked")
    assert not world.scorer.outcomes("opened")


@pytest.mark.parametrize("kind", ["c", "u", "p", "o"])
async def test_tampered_link_is_refused_without_details(world: World, browser: Browser, kind: str) -> None:
    path = browser.path(kind)
    tampered = path[:-3] + ("AAA" if not path.endswith("AAA") else "BBB")
    answers = [await browser.client.get(tampered), await browser.client.get(f"/{kind}/nonsense")]
    assert {answer.status_code for answer in answers} == {400}
    assert answers[0].text == answers[1].text
    assert not world.scorer.tracked


async def test_unknown_pages_and_methods_are_refused(browser: Browser) -> None:
    assert (await browser.client.get("/")).status_code == 404
    assert (await browser.client.post(browser.path("c"))).status_code == 405


async def test_pixel_has_no_page_unless_asked_for(world: World, start: Start) -> None:
    world.change(http_port=0)
    running = await start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{running.dispatcher.http_port}", trust_env=False
    ) as client:
        answer = await client.get(Links(world.settings.link_key, "").url("o", TOKEN))
    assert answer.status_code == 404


async def test_pixel_is_off_until_the_settings_ask_for_it(tmp_path: Path) -> None:
    settings = load_settings(data_directory=tmp_path / "deployment")
    ensure_keys(settings.keys_directory)
    assert not dispatcher_settings(settings, NOBODY).open_pixel
    asked = load_settings(data_directory=settings.data_directory, open_pixel=True)
    assert dispatcher_settings(asked, NOBODY).open_pixel


async def test_links_of_a_real_message_work(world: World, browser: Browser) -> None:
    await world.decide()
    await world.scorer.outcome("sent")
    text = world.mail.accepted[0].get_body(("plain",))
    assert text is not None
    links = [word for word in text.get_content().split() if word.startswith("http")]
    assert len(links) == 3 and all(link.startswith(world.settings.public_url) for link in links)
    restore, preferences, unsubscribe = (link.removeprefix(world.settings.public_url) for link in links)
    answer = await browser.client.get(restore)
    assert answer.headers["location"].startswith("https://shop.example/cart/restore?secret=")
    assert (await browser.client.get(preferences)).status_code == 200
    assert (await browser.client.post(unsubscribe)).status_code == 200
