"""The contract of a provider, the same for each of them, against a real peer of its protocol."""

import secrets
from dataclasses import replace

import pytest

from dispatcher.channels import open_channels
from dispatcher.channels.channel import Channel, Message, Receipt
from dispatcher.failures import FailureKind, ProviderFailure
from dispatcher.recipient import Recipient
from dispatcher.templates import Part
from tests.dispatcher.world import ADDRESS, World

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class PermissionDenied(Exception):
    """The ledger did not let the call begin."""


class Commits:
    """Counts how often a provider said that it is about to send."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1


@pytest.fixture(params=["smtp", "logging"])
def channel(request: pytest.FixtureRequest, world: World) -> Channel:
    world.change(email_provider=request.param)
    (opened,) = open_channels(world.settings)
    return opened


def a_message(channel: Channel) -> Message:
    return Message(
        send_id=secrets.token_hex(16),
        recipient=Recipient(bytes(16), ADDRESS, "Ada Lovelace"),
        sender="Shop & Sons <carts@shop.example>",
        reply_to="help@shop.example",
        parts={part: f"the {part.name.lower()} part, naïve & 10 %" for part in channel.parts},
        unsubscribe_url="https://links.example/u/token",
        time_micros=1_760_000_000_000_000,
    )


async def test_message_is_taken_and_named(channel: Channel) -> None:
    receipt = await channel.provider.send(a_message(channel), Commits())
    assert isinstance(receipt, Receipt) and receipt.provider_message_id
    await channel.provider.close()


async def test_sending_commits_once(channel: Channel) -> None:
    commits = Commits()
    await channel.provider.send(a_message(channel), commits)
    assert commits.count == 1


async def test_message_whose_commit_fails_is_not_sent(world: World, channel: Channel) -> None:
    async def refuse() -> None:
        raise PermissionDenied

    with pytest.raises(PermissionDenied):
        await channel.provider.send(a_message(channel), refuse)
    assert not world.mail.accepted


async def test_message_refused_before_content_was_never_committed(world: World) -> None:
    (channel,) = open_channels(world.settings)
    world.mail.behaviour.recipient_replies = ["550 5.1.1 unknown"]
    commits = Commits()
    with pytest.raises(ProviderFailure):
        await channel.provider.send(a_message(channel), commits)
    assert commits.count == 0


async def test_name_given_to_a_message_follows_from_its_key(channel: Channel) -> None:
    message = a_message(channel)
    first, second = [await channel.provider.send(message, Commits()) for _ in range(2)]
    other = await channel.provider.send(a_message(channel), Commits())
    assert first == second != other


async def test_nothing_personal_is_printed(channel: Channel, capfd: pytest.CaptureFixture[str]) -> None:
    message = a_message(channel)
    await channel.provider.send(message, Commits())
    printed = "".join(capfd.readouterr()) + repr(message)
    assert ADDRESS not in printed and "Lovelace" not in printed and "naïve" not in printed


async def test_provider_says_how_long_it_knows_a_key(channel: Channel) -> None:
    assert channel.provider.honours_key_seconds >= 0
    assert channel.provider.name


async def test_unknown_provider_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="smtp or logging"):
        open_channels(replace(world.settings, email_provider="pigeon"))


async def test_email_carries_headers_and_both_parts(world: World) -> None:
    (channel,) = open_channels(world.settings)
    message = a_message(channel)
    await channel.provider.send(message, Commits())
    received = world.mail.accepted[0]
    assert received["From"] == "Shop & Sons <carts@shop.example>"
    assert received["To"] == f"Ada Lovelace <{ADDRESS}>"
    assert received["Reply-To"] == "help@shop.example"
    assert received["List-Unsubscribe"] == "<https://links.example/u/token>"
    assert received["Date"] == "Thu, 09 Oct 2025 08:53:20 +0000"
    bodies = [part.get_content().strip() for part in received.iter_parts()]
    assert bodies == [message.parts[Part.TEXT], message.parts[Part.HTML]]


@pytest.mark.parametrize(
    ("address", "delivered"),
    [("ünï@customer.example", "ünï@customer.example"), ("ada@bücher.example", "ada@xn--bcher-kva.example")],
)
async def test_international_address_is_delivered(world: World, address: str, delivered: str) -> None:
    (channel,) = open_channels(world.settings)
    await channel.provider.send(replace(a_message(channel), recipient=Recipient(bytes(16), address, "")), Commits())
    assert world.mail.recipients == [delivered]


async def test_content_needs_only_seven_bits(world: World) -> None:
    (channel,) = open_channels(world.settings)
    await channel.provider.send(a_message(channel), Commits())
    parts = [part for part in world.mail.accepted[0].walk() if not part.is_multipart()]
    assert len(parts) == 2
    assert {part["Content-Transfer-Encoding"] for part in parts} <= {"7bit", "quoted-printable", "base64"}


async def test_line_of_a_single_dot_survives(world: World) -> None:
    (channel,) = open_channels(world.settings)
    message = a_message(channel)
    parts = message.parts | {Part.TEXT: "before\n.\n..after"}
    await channel.provider.send(replace(message, parts=parts), Commits())
    text = world.mail.accepted[0].get_body(("plain",))
    assert text is not None and text.get_content().splitlines() == ["before", ".", "..after"]


async def test_malformed_sender_blames_no_address(world: World) -> None:
    (channel,) = open_channels(world.settings)
    commits = Commits()
    with pytest.raises(ProviderFailure) as caught:
        await channel.provider.send(replace(a_message(channel), sender="Shop\n<carts@shop.example>"), commits)
    assert caught.value.kind is FailureKind.TRANSIENT and not caught.value.address_at_fault
    assert commits.count == 0
