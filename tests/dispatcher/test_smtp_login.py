"""The login at a mail server: a refusal is the deployment's fault, and its words never carry the login."""

import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from dispatcher.channels.channel import Message
from dispatcher.channels.email import SmtpProvider, without_login
from dispatcher.failures import FailureKind, ProviderFailure
from dispatcher.recipient import Recipient
from dispatcher.settings import SmtpSettings
from tests.dispatcher.secure_mail import (
    ADDRESS,
    LOGIN_FORMS,
    PASSWORD,
    USER,
    Authority,
    Link,
    Wire,
    a_message,
    linked,
)
from tests.dispatcher.servers import MailServer

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

PLAIN = b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
ENCODED = b64encode(PASSWORD.encode()).decode()


@pytest_asyncio.fixture
async def link(tmp_path: Path) -> AsyncIterator[Link]:
    """Over STARTTLS, to a server whose password is not the one that the settings have."""
    async with linked(Authority(tmp_path)) as link:
        link.server.password = "another"
        yield link


async def test_wrong_password_is_not_the_recipients_fault(link: Link) -> None:
    failure = await link.fail()
    assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault
    assert failure.diagnostic == "535 5.7.8 Authentication credentials invalid"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"no entry for {USER} with {PASSWORD}", "no entry for <login> with <login>"),
        (f"no entry for {USER.upper()}@mail.example", "no entry for <login>@mail.example"),
        (f"what is AUTH PLAIN {PLAIN}?", "what is AUTH PLAIN <login>?"),
        (f"what is AUTH PLAIN {PLAIN[:-9]}...", "what is AUTH PLAIN <login>..."),
        (f"authentication failed: {ENCODED}", "authentication failed: <login>"),
        (f"authentication failed: {ENCODED[:9]}", "authentication failed: <login>"),
        ("authentication failed: UGFzc3dvcmQ6", "authentication failed: UGFzc3dvcmQ6"),
    ],
)
async def test_server_that_quotes_the_login_keeps_its_words_but_for_that(link: Link, words: str, told: str) -> None:
    link.server.refusal = f"535 5.7.8 {words}"
    assert (await link.fail()).diagnostic == f"535 5.7.8 {told}"


async def test_login_is_neither_logged_nor_printed(
    link: Link, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    link.server.refusal = f"535 5.7.8 no entry for {USER} with {PASSWORD} ({PLAIN})"
    caplog.set_level(logging.DEBUG)
    # The server, which runs in this process, is not what is tested.
    caplog.set_level(logging.CRITICAL, logger="mail.log")
    await link.fail()
    link.server.password = PASSWORD
    await link.send()
    printed = "".join(capfd.readouterr()) + caplog.text
    assert "mail_session_failed" in printed and "no entry for" in printed
    assert not [form for form in LOGIN_FORMS if form.decode() in printed]
    assert PASSWORD not in repr(link.settings)


async def test_login_that_the_server_demands_and_the_settings_lack_blames_nobody(link: Link) -> None:
    link.settings = replace(link.settings, username=None, password=None)
    failure = await link.fail()
    assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault
    assert failure.diagnostic == "530 5.7.0 Authentication required"


@pytest_asyncio.fixture
async def plain_server() -> AsyncIterator[MailServer]:
    """Knows no TLS and therefore no login."""
    server = MailServer()
    await server.start()
    yield server
    await server.stop()


async def failure_of(settings: SmtpSettings, message: Message | None = None) -> ProviderFailure:
    async def commit() -> None:
        raise AssertionError("nothing may be given away")

    with pytest.raises(ProviderFailure) as caught:
        await SmtpProvider(settings, timeout_seconds=10.0).send(message or a_message(), commit)
    return caught.value


async def test_login_that_is_demanded_once_the_recipient_is_named_blames_nobody(plain_server: MailServer) -> None:
    # Without an enhanced status code every other permanent reply at this place speaks of the mailbox.
    plain_server.behaviour.recipient_replies = ["530 Authentication required"]
    failure = await failure_of(SmtpSettings(port=plain_server.port))
    assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault


async def test_server_that_knows_no_login_gets_no_message(plain_server: MailServer) -> None:
    failure = await failure_of(SmtpSettings(port=plain_server.port, username=USER, password=PASSWORD))
    assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault
    assert "AUTH" in failure.diagnostic
    assert not plain_server.asked.is_set()


@pytest.mark.parametrize("host", ["mail..example", f"{'a' * 64}.example"])
async def test_host_that_cannot_exist_blames_nobody(host: str) -> None:
    failure = await failure_of(SmtpSettings(host=host))
    assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault


@pytest.mark.parametrize(
    ("sender", "address", "blamed"),
    [("Shop <kärte@shop.example>", ADDRESS, False), ("Shop <carts@shop.example>", "ünï@customer.example", True)],
)
async def test_server_without_international_addresses_blames_the_one_it_cannot_write(
    plain_server: MailServer, sender: str, address: str, *, blamed: bool
) -> None:
    wire = Wire(plain_server, lambda chunk: chunk.replace(b"250-SMTPUTF8\r\n", b""))
    await wire.start()
    message = replace(a_message(), sender=sender, recipient=Recipient(bytes(16), address, ""))
    failure = await failure_of(SmtpSettings(port=wire.port), message)
    await wire.stop()
    assert failure.address_at_fault is blamed
    assert failure.kind is (FailureKind.PERMANENT if blamed else FailureKind.TRANSIENT)


async def test_words_stay_as_they_are_without_a_login() -> None:
    assert without_login("535 5.7.8 denied", SmtpSettings()) == "535 5.7.8 denied"
