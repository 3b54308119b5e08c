"""Signed links: what goes in comes out, and nothing else is accepted."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cart_recovery.v1.channel_pb2 import Channel
from dispatcher.links import LinkRefused, Links, LinkToken
from tests.dispatcher.world import RESTORE_URL

LINKS = Links(bytes(range(32)), "https://links.example/")
TOKENS = st.builds(
    LinkToken,
    send_id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    decision_id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    alias=st.binary(min_size=16, max_size=16),
    channel=st.sampled_from([Channel.CHANNEL_EMAIL, Channel.CHANNEL_SMS]),
    touch=st.integers(1, 9),
    storefront_id=st.text(min_size=1, max_size=16),
    link=st.sampled_from(["", "restore", "product"]),
    target=st.text(max_size=200),
)


@given(TOKENS)
def test_token_opens_to_what_was_sealed(token: LinkToken) -> None:
    assert LINKS.open(LINKS.seal(token)) == token
    assert LINKS.seal(token) == LINKS.seal(token)


@given(TOKENS, st.integers(1, 255))
def test_every_altered_byte_is_refused(token: LinkToken, change: int) -> None:
    raw = decoded(LINKS.seal(token))
    assert LINKS.open(encoded(raw)) == token
    for position in range(len(raw)):
        altered = bytearray(raw)
        altered[position] ^= change
        with pytest.raises(LinkRefused):
            LINKS.open(encoded(altered))


@given(TOKENS, st.data())
def test_shortened_token_is_refused(token: LinkToken, data: st.DataObject) -> None:
    sealed = LINKS.seal(token)
    with pytest.raises(LinkRefused):
        LINKS.open(sealed[: data.draw(st.integers(0, len(sealed) - 1))])


@given(st.text(max_size=300))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(LinkRefused):
        LINKS.open(text)


def test_token_of_another_key_is_refused() -> None:
    other = Links(secrets.token_bytes(32), "https://links.example")
    token = LinkToken("00" * 16, "11" * 16, bytes(16), Channel.CHANNEL_EMAIL, 1, "shop")
    with pytest.raises(LinkRefused):
        LINKS.open(other.seal(token))


def test_target_cannot_be_read_from_the_link() -> None:
    token = LinkToken("00" * 16, "11" * 16, bytes(16), Channel.CHANNEL_EMAIL, 1, "shop", "restore", RESTORE_URL)
    raw = decoded(LINKS.seal(token))
    assert b"secret" not in raw and b"customer.example" not in raw


def decoded(sealed: str) -> bytes:
    return urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
