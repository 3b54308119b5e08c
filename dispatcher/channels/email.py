"""E-mail over SMTP: a multipart message with deterministic Message-ID and one-click unsubscribe (RFC 8058)."""

import asyncio
import binascii
import re
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY
from email.utils import format_datetime, parseaddr

import structlog
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from cart_recovery.v1.channel_pb2 import Channel as ChannelKind
from dispatcher.channels.channel import Channel, Commit, Message, Provider, Receipt
from dispatcher.channels.logging_provider import LoggingProvider
from dispatcher.clock import MICROS
from dispatcher.failures import FailureKind, ProviderFailure, SmtpStage, smtp_failure
from dispatcher.recipient import Recipient
from dispatcher.settings import DispatcherSettings, SmtpSettings
from dispatcher.templates import Part

EMAIL_PARTS = frozenset({Part.SUBJECT, Part.HTML, Part.TEXT})

# No server has to take eight bits to the character (RFC 6152): the content never needs them.
HEADERS_IN_ASCII = SMTP_POLICY.clone(cte_type="7bit")
HEADERS_IN_UTF8 = SMTPUTF8_POLICY.clone(cte_type="7bit")

LOGIN_CODES = frozenset({530, 534, 535, 538})
"""Permanent replies about login or encryption (RFC 4954 section 6, RFC 3207). Many servers keep them until they hear
the recipient, but whenever they come they speak of the session."""

BASE64 = re.compile(r"[A-Za-z0-9+/]{4,}={0,2}")
HIDDEN_LOGIN = "<login>"

log = structlog.get_logger(__name__)


def open_channel(settings: DispatcherSettings) -> Channel:
    """The e-mail channel with the provider that the settings name."""
    provider: Provider
    match settings.email_provider:
        case "smtp":
            provider = SmtpProvider(settings.smtp, timeout_seconds=settings.provider_timeout_seconds)
        case "logging":
            provider = LoggingProvider()
        case other:
            raise ValueError(f"unknown e-mail provider {other!r}: use smtp or logging")
    return Channel(ChannelKind.CHANNEL_EMAIL, EMAIL_PARTS, provider)


class SmtpProvider:
    """One SMTP transaction per message. SMTP knows no idempotency key: what may have left is never sent again."""

    name = "smtp"
    honours_key_seconds = 0

    def __init__(self, settings: SmtpSettings, *, timeout_seconds: float) -> None:
        """Raises OSError where the settings name a file of certificates that cannot be used."""
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context(settings)

    async def send(self, message: Message, commit: Commit) -> Receipt:
        """Sends one e-mail within the timeout. Raises ProviderFailure, classified by the stage it had got to."""
        recipient, message_id, content = written(message)
        transaction = _Transaction(self._settings, self._tls_context, self._timeout_seconds)
        try:
            async with self._classified(transaction, message.recipient):
                await transaction.open(envelope_sender(message.sender), recipient)
            # Outside the classification: a failure to commit is none of the mail server's.
            await commit()
            async with self._classified(transaction, message.recipient):
                await transaction.give(content)
        finally:
            transaction.close()
        return Receipt(provider_message_id=message_id)

    @asynccontextmanager
    async def _classified(self, transaction: "_Transaction", recipient: Recipient) -> AsyncIterator[None]:
        """Bounds a part of a transaction in time; what goes wrong in it becomes a ProviderFailure."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except SMTPResponseException as error:
            stage = SmtpStage.SESSION if error.code in LOGIN_CODES else transaction.stage
            raise self._failure(stage, error.code, error.message, recipient) from error
        except (SMTPException, TimeoutError, OSError) as error:
            raise self._failure(transaction.stage, None, str(error) or "no answer in time", recipient) from error
        except ValueError as error:
            if transaction.stage is SmtpStage.RECIPIENT:
                words = "the address cannot be given to the server"
                raise ProviderFailure(FailureKind.PERMANENT, words, address_at_fault=True) from error
            # Before the recipient is named, only the deployment's own host, login or sender can be malformed.
            raise self._failure(transaction.stage, None, f"the settings do not work: {error}", recipient) from error

    def _failure(self, stage: SmtpStage, code: int | None, words: str, recipient: Recipient) -> ProviderFailure:
        """Classifies, without the login in the words. What keeps every message from leaving is also logged."""
        # Bytes of a reply that are no UTF-8 arrive as surrogates, which no outcome can hold.
        legible = words.encode(errors="replace").decode()
        failure = smtp_failure(stage, code, without_login(legible, self._settings), recipient)
        if stage is SmtpStage.SESSION:
            log.warning("mail_session_failed", cause=failure.diagnostic)
        return failure

    async def close(self) -> None:
        """Every transaction closes its own connection."""


class _Transaction:
    """One connection and how far it got, since that decides what a failure means."""

    def __init__(self, settings: SmtpSettings, tls_context: ssl.SSLContext | None, timeout_seconds: float) -> None:
        self.stage = SmtpStage.SESSION
        self._client = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password,
            use_tls=settings.use_tls,
            # Never None, which takes STARTTLS where it is offered: whoever can strip the offer gets login and content.
            start_tls=settings.start_tls,
            tls_context=tls_context,
            timeout=timeout_seconds,
        )

    async def open(self, sender: str, recipient: str) -> None:
        """Connects and names sender and recipient: nothing of the message is given away."""
        client = self._client
        await client.connect()
        await client.ehlo()
        international = not (sender + recipient).isascii() and client.supports_extension("smtputf8")
        encoding = "utf-8" if international else "ascii"
        self.stage = SmtpStage.SENDER
        await client.mail(sender, options=["SMTPUTF8"] if international else [], encoding=encoding)
        self.stage = SmtpStage.RECIPIENT
        await client.rcpt(recipient, encoding=encoding)

    async def give(self, content: bytes) -> None:
        """Hands over the content. From here on silence is ambiguous: the client cannot tell on which side of the final
        dot it fell."""
        self.stage = SmtpStage.CONTENT
        await self._client.data(content)

    def close(self) -> None:
        """Drops the connection."""
        self._client.close()


def tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    """What judges the server's certificate, by its issuer and its host name; None where no TLS is asked for. Raises
    OSError where the file of certificates cannot be used."""
    if not (settings.use_tls or settings.start_tls):
        return None
    return ssl.create_default_context(cafile=settings.ca_file)


def written(message: Message) -> tuple[str, str, bytes]:
    """The recipient's address as the server gets it, the Message-ID and the content. Raises ProviderFailure."""
    try:
        address = wire_address(message.recipient.address)
        local_part, _, domain = address.rpartition("@")
        recipient = Address(" ".join(message.recipient.name.split()), local_part, domain)
    except (ValueError, MessageError) as error:
        words = "the address cannot be written into a message"
        raise ProviderFailure(FailureKind.PERMANENT, words, address_at_fault=True) from error
    try:
        composed = compose(message, recipient)
        content = composed.as_bytes(policy=HEADERS_IN_ASCII if address.isascii() else HEADERS_IN_UTF8)
    except (ValueError, MessageError) as error:
        # Sender, subject and links are the deployment's own: another bundle puts them right.
        raise ProviderFailure(FailureKind.TRANSIENT, "the message's headers cannot be written") from error
    return address, str(composed["Message-ID"]), content


def compose(message: Message, recipient: Address) -> EmailMessage:
    """The e-mail with its headers. Raises ValueError, MessageError."""
    composed = EmailMessage(policy=HEADERS_IN_ASCII)
    composed["Subject"] = message.parts[Part.SUBJECT]
    composed["From"] = message.sender
    composed["To"] = recipient
    if message.reply_to:
        composed["Reply-To"] = message.reply_to
    composed["Date"] = format_datetime(datetime.fromtimestamp(message.time_micros / MICROS, UTC))
    composed["Message-ID"] = f"<{message.send_id}@{envelope_sender(message.sender).rpartition('@')[2]}>"
    composed["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
    composed["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    composed.set_content(message.parts[Part.TEXT])
    composed.add_alternative(message.parts[Part.HTML], subtype="html")
    return composed


def envelope_sender(sender: str) -> str:
    """The bare address of a sender such as "Shop <carts@shop.example>"."""
    return parseaddr(sender)[1]


def wire_address(address: str) -> str:
    """The address with its domain in the form that DNS knows. Raises ValueError for one that is no address."""
    local_part, _, domain = address.rpartition("@")
    if not local_part or not address.isprintable() or " " in address:
        raise ValueError("not an address")
    return f"{local_part}@{domain.encode('idna').decode()}"


def without_login(words: str, settings: SmtpSettings) -> str:
    """The same words without user name and password. Servers quote the command that they refuse, so also where these
    stand in base64: alone, with the user name before the password, or cut short."""
    secrets = [secret for secret in (settings.username, settings.password) if secret]

    def hidden(token: re.Match[str]) -> str:
        meant = _decoded(token[0])
        return HIDDEN_LOGIN if any(meant in secret or secret in meant for secret in secrets) else token[0]

    if not secrets:
        return words
    told = BASE64.sub(hidden, words)
    if settings.password:
        told = told.replace(settings.password, HIDDEN_LOGIN)
    if settings.username:
        told = re.sub(rf"(?<!\w){re.escape(settings.username)}(?!\w)", HIDDEN_LOGIN, told, flags=re.IGNORECASE)
    return told


def _decoded(token: str) -> str:
    """What a token says in base64; ordinary words give signs that no login has."""
    digits = token.rstrip("=")
    try:
        return b64decode(digits + "=" * (-len(digits) % 4)).decode(errors="replace")
    except binascii.Error:
        # One digit too many, which is what is left of a cut group.
        return b64decode(digits[:-1]).decode(errors="replace")
