"""TLS to a mail server: who may read along, and what a server has to show before it is told anything."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.failures import FailureKind
from tests.dispatcher.secure_mail import ADDRESS, LOGIN_FORMS, PASSWORD, USER, WORDS, Authority, linked

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

WAYS = pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@WAYS
async def test_message_goes_out_encrypted_after_login(authority: Authority, *, implicit: bool) -> None:
    async with linked(authority, implicit=implicit) as link:
        await link.send()
        assert link.commits == 1
        assert link.server.logins == [(USER, PASSWORD)]
        assert [message["To"] for message in link.server.accepted] == [f"Ada Lovelace <{ADDRESS}>"]
        assert link.wire.sent and not link.readable()


async def test_without_tls_all_of_it_can_be_read(authority: Authority) -> None:
    # Shows that the other tests would notice.
    async with linked(authority) as link:
        link.settings = replace(link.settings, start_tls=False)
        await link.send()
        assert {b"AUTH", b"MAIL FROM", ADDRESS.encode(), WORDS.encode()} < set(link.readable())
        assert set(link.readable()) & set(LOGIN_FORMS)


@WAYS
@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        pytest.param({"host": "other.example"}, "IP address mismatch", id="of another server"),
        pytest.param({"expired": True}, "certificate has expired", id="expired"),
    ],
)
async def test_wrong_certificate_is_told_nothing(
    authority: Authority, certificate: dict[str, str | bool], words: str, *, implicit: bool
) -> None:
    async with linked(authority, implicit=implicit, **certificate) as link:  # type: ignore[arg-type]
        failure = await link.refused()
        # Certificates and authorities are put right on either side while the touch waits; no address is to blame.
        assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault
        assert words in failure.diagnostic


@WAYS
@pytest.mark.parametrize("trusting", ["the system", "another authority"])
async def test_certificate_of_an_unknown_authority_is_told_nothing(
    authority: Authority, tmp_path: Path, trusting: str, *, implicit: bool
) -> None:
    # The same name on both authorities: what counts is the signature.
    ca_file = None if trusting == "the system" else Authority(tmp_path).file
    async with linked(authority, implicit=implicit) as link:
        link.settings = replace(link.settings, ca_file=ca_file)
        failure = await link.refused()
        assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault
        assert "certificate verify failed" in failure.diagnostic


async def test_authority_of_the_system_is_trusted_unless_another_is_named(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with linked(authority) as link:
        link.settings = replace(link.settings, ca_file=Authority(tmp_path).file)
        await link.refused()
        link.settings = replace(link.settings, ca_file=None)
        await link.send()
        assert len(link.server.accepted) == 1


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        pytest.param(
            lambda chunk: chunk.replace(b"250-STARTTLS\r\n", b""), "STARTTLS extension not supported", id="not offered"
        ),
        pytest.param(
            lambda chunk: chunk.replace(b"220 Ready to start TLS", b"454 4.7.0 no TLS today"), "454", id="refused"
        ),
    ],
)
async def test_starttls_taken_away_is_no_reason_to_go_on_in_clear(
    authority: Authority, alter: Callable[[bytes], bytes], words: str
) -> None:
    async with linked(authority, alter=alter) as link:
        failure = await link.refused()
        assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault
        assert words in failure.diagnostic


async def test_tls_from_the_first_byte_is_not_begun_in_clear(authority: Authority) -> None:
    async with linked(authority) as link:
        link.settings = replace(link.settings, use_tls=True, start_tls=False)
        failure = await link.refused()
        assert failure.kind is FailureKind.TRANSIENT and not failure.address_at_fault
