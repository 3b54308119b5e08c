"""An operator, an account with JetStream, and a user's credentials file, as `nsc` would make them: NATS's decentralised
sign-in. Keys are Ed25519, names are base32 with a checksum, claims are JWTs."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED, _OPERATOR, _ACCOUNT, _USER = 18 << 3, 14 << 3, 0, 20 << 3
_UNLIMITED = ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams")


class _Pair:
    """A key pair and its public name."""

    def __init__(self, kind: int) -> None:
        self._kind = kind
        self._key = Ed25519PrivateKey.generate()
        self.name = _encoded(bytes([kind]) + self._key.public_key().public_bytes_raw())

    @property
    def seed(self) -> str:
        """The private key in NATS's form."""
        first = bytes([_SEED | self._kind >> 5, (self._kind & 31) << 3])
        return _encoded(first + self._key.private_bytes_raw())

    def sign(self, subject: "_Pair", name: str, claims: dict[str, Any]) -> str:
        """A JWT about another pair."""
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        body = {"iat": 1_700_000_000, "iss": self.name, "sub": subject.name, "name": name, "nats": claims}
        text = f"{_part(head)}.{_part(body)}"
        return f"{text}.{_text(self._key.sign(text.encode()))}"


@dataclass(frozen=True)
class Accounts:
    """What a server trusts, and what a user shows."""

    configuration: str
    """Lines for nats-server's configuration."""
    credentials: str
    """Content of a credentials file."""


def accounts() -> Accounts:
    """One account, one user."""
    operator, system, account, user = _Pair(_OPERATOR), _Pair(_ACCOUNT), _Pair(_ACCOUNT), _Pair(_USER)
    limits = dict.fromkeys(_UNLIMITED, -1) | {"consumer": -1, "wildcards": True}
    of_operator = operator.sign(operator, "operator", {"type": "operator", "version": 2})
    of_system = operator.sign(system, "system", {"type": "account", "version": 2})
    of_account = operator.sign(account, "shop", {"type": "account", "version": 2, "limits": limits})
    of_user = account.sign(user, "scorer", {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1})
    return Accounts(
        configuration=(
            f"operator: {of_operator}\nsystem_account: {system.name}\nresolver: MEMORY\n"
            f"resolver_preload: {{ {system.name}: {of_system}, {account.name}: {of_account} }}\n"
        ),
        credentials=(
            f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
        ),
    )


def _encoded(raw: bytes) -> str:
    checksum = binascii.crc_hqx(raw, 0)
    return base64.b32encode(raw + checksum.to_bytes(2, "little")).decode().rstrip("=")


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
