"""Opens what the edge sealed: addresses, names and restore URLs. Nothing here is ever logged."""

from google.protobuf.message import DecodeError
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.journal_pb2 import ContactSecret
from dispatcher.recipient import Recipient
from dispatcher.schedule import channel_name
from dispatcher.streams import CONTACTS, retried


class Contacts:
    """Reads CONTACTS with the dispatcher's private key."""

    def __init__(self, js: JetStreamContext, contact_key: bytes) -> None:
        self._js = js
        self._box = SealedBox(PrivateKey(contact_key))

    async def find(self, aliases: list[bytes], channel: Channel.ValueType) -> Recipient | None:
        """The first of the aliases that has a readable contact on the channel."""
        for alias in aliases:
            ciphertext = await self._sealed(alias, channel)
            secret = None if ciphertext is None else self._open(ciphertext)
            if secret is not None and secret.address:
                return Recipient(alias, secret.address, secret.name)
        return None

    def restore_url(self, sealed: bytes) -> str:
        """The cart's restore URL; empty where there is none or it was not sealed to this key."""
        try:
            return self._box.decrypt(sealed).decode() if sealed else ""
        except (CryptoError, UnicodeDecodeError):
            return ""

    async def _sealed(self, alias: bytes, channel: Channel.ValueType) -> bytes | None:
        subject = f"contact.{alias.hex()}.{channel_name(channel)}"
        try:
            found = await retried(lambda: self._js.get_last_msg(CONTACTS, subject))
        except NotFoundError:
            return None
        return found.data

    def _open(self, ciphertext: bytes) -> ContactSecret | None:
        try:
            return ContactSecret.FromString(self._box.decrypt(ciphertext))
        except (CryptoError, DecodeError):
            return None
