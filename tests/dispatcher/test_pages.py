"""What a person reads at the HTTP face."""

from cart_recovery.v1.channel_pb2 import Channel
from dispatcher.http_face.pages import CHANNEL_WORDS


def test_every_channel_of_messages_has_words() -> None:
    assert set(CHANNEL_WORDS) == set(Channel.values()) - {Channel.CHANNEL_UNSPECIFIED, Channel.CHANNEL_NONE}
