"""Signed links. A token says which send and which person a link belongs to, and where it leads; it never holds an
address. Fields are packed, the target is encrypted (a restore URL may itself be secret), and all of it is signed.

    version | send id 16 | decision id 16 | alias 16 | channel | touch | storefront | link name | target | signature 16
"""

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.message_pb2 import MessageOutcome

VERSION = 1
FIXED = struct.Struct("<B16s16s16sBB")
SHORT_LENGTH = struct.Struct("<B")
LONG_LENGTH = struct.Struct("<H")
SIGNATURE_BYTES = 16
MAX_TOKEN_LENGTH = 4_096
MAX_TARGET_BYTES = 2_048


class LinkRefused(Exception):
    """The token was not made by this deployment, or was altered."""


@dataclass(frozen=True, slots=True)
class LinkToken:
    """What one link stands for."""

    send_id: str
    """32 hexadecimal digits."""
    decision_id: str
    alias: bytes
    channel: Channel.ValueType
    touch: int
    storefront_id: str
    link: str = ""
    """Name of the link in the template; only clicks have one."""
    target: str = ""
    """Where a click leads."""

    def outcome(self) -> MessageOutcome:
        """An outcome of the link's send that does not yet say what happened."""
        return MessageOutcome(
            decision_id=self.decision_id, send_id=self.send_id, channel=self.channel, touch=self.touch
        )


class Links:
    """Makes and reads links under the deployment's link key."""

    def __init__(self, link_key: bytes, public_url: str) -> None:
        self._signing_key = _derived(link_key, b"sign")
        self._nonce_key = _derived(link_key, b"nonce")
        self._box = SecretBox(_derived(link_key, b"target"))
        self._public_url = public_url.rstrip("/")

    def url(self, kind: str, token: LinkToken) -> str:
        """The public URL of a link; `kind` is c (click), u (unsubscribe), p (preferences) or o (open pixel)."""
        return f"{self._public_url}/{kind}/{self.seal(token)}"

    def seal(self, token: LinkToken) -> str:
        """Packs and signs a token. The same token always gives the same text."""
        fixed = FIXED.pack(
            VERSION,
            bytes.fromhex(token.send_id),
            bytes.fromhex(token.decision_id),
            token.alias,
            token.channel,
            token.touch,
        )
        storefront, link = token.storefront_id.encode(), token.link.encode()
        target = self._encrypt(token.target.encode())
        body = b"".join(
            (
                fixed,
                SHORT_LENGTH.pack(len(storefront)),
                storefront,
                SHORT_LENGTH.pack(len(link)),
                link,
                LONG_LENGTH.pack(len(target)),
                target,
            )
        )
        return urlsafe_b64encode(body + self._signature(body)).rstrip(b"=").decode()

    def open(self, text: str) -> LinkToken:
        """Checks and unpacks a token. Raises LinkRefused."""
        if len(text) > MAX_TOKEN_LENGTH:
            raise LinkRefused("too long")
        try:
            signed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (Base64Error, ValueError) as error:
            raise LinkRefused("not base64") from error
        body, signature = signed[:-SIGNATURE_BYTES], signed[-SIGNATURE_BYTES:]
        if not hmac.compare_digest(self._signature(body), signature):
            raise LinkRefused("the signature does not match")
        try:
            return self._unpack(body)
        except (struct.error, CryptoError, UnicodeDecodeError) as error:
            raise LinkRefused("malformed") from error

    def _unpack(self, body: bytes) -> LinkToken:
        version, send_id, decision_id, alias, channel, touch = FIXED.unpack_from(body)
        if version != VERSION:
            raise LinkRefused("another version")
        rest = body[FIXED.size :]
        storefront, rest = _field(SHORT_LENGTH, rest)
        link, rest = _field(SHORT_LENGTH, rest)
        target, _ = _field(LONG_LENGTH, rest)
        return LinkToken(
            send_id=send_id.hex(),
            decision_id=decision_id.hex(),
            alias=alias,
            channel=channel,
            touch=touch,
            storefront_id=storefront.decode(),
            link=link.decode(),
            target=self._decrypt(target),
        )

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self._signing_key, body, hashlib.sha256)[:SIGNATURE_BYTES]

    def _encrypt(self, target: bytes) -> bytes:
        if not target or len(target) > MAX_TARGET_BYTES:
            return b""
        # A nonce derived from the plaintext repeats only where the plaintext does, and tells no more than that.
        nonce = hmac.digest(self._nonce_key, target, hashlib.sha256)[: SecretBox.NONCE_SIZE]
        return bytes(self._box.encrypt(target, nonce))

    def _decrypt(self, target: bytes) -> str:
        return self._box.decrypt(target).decode() if target else ""


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, b"link " + purpose, hashlib.sha256)


def _field(length: struct.Struct, rest: bytes) -> tuple[bytes, bytes]:
    (size,) = length.unpack_from(rest)
    start = length.size
    if len(rest) < start + size:
        raise LinkRefused("malformed")
    return rest[start : start + size], rest[start + size :]
