"""E-mail over SMTP: a multipart message with deterministic Message-ID and one-click unsubscribe (RFC 8058)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY
from email.utils import format_datetime, parseaddr

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
        self._settings = settings
        self._timeout_seconds = timeout_seconds

    async def send(self, message: Message, commit: Commit) -> Receipt:
        """Sends one e-mail within the timeout. Raises ProviderFailure, classified by the stage it had got to."""
        try:
            recipient = wire_address(message.recipient.address)
            composed = compose(message, recipient)
            content = composed.as_bytes(policy=SMTP_POLICY if recipient.isascii() else SMTPUTF8_POLICY)
        except (ValueError, MessageError) as error:
            words = "the address cannot be written into a message"
            raise ProviderFailure(FailureKind.PERMANENT, words, address_at_fault=True) from error
        transaction = _Transaction(self._settings, self._timeout_seconds)
        try:
            async with self._classified(transaction, message.recipient):
                await transaction.open(envelope_sender(message.sender), recipient)
            # Outside the classification: a failure to commit is none of the mail server's.
            await commit()
            async with self._classified(transaction, message.recipient):
                await transaction.give(content)
        finally:
            transaction.close()
        return Receipt(provider_message_id=str(composed["Message-ID"]))

    @asynccontextmanager
    async def _classified(self, transaction: "_Transaction", recipient: Recipient) -> AsyncIterator[None]:
        """Bounds a part of a transaction in time; what goes wrong in it becomes a ProviderFailure."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except SMTPResponseException as error:
            raise smtp_failure(transaction.stage, error.code, error.message, recipient) from error
        except (SMTPException, TimeoutError, OSError) as error:
            raise smtp_failure(transaction.stage, None, str(error) or "no answer in time", recipient) from error
        except ValueError as error:
            words = "the address cannot be given to the server"
            raise ProviderFailure(FailureKind.PERMANENT, words, address_at_fault=True) from error

    async def close(self) -> None:
        """Every transaction closes its own connection."""


class _Transaction:
    """One connection and how far it got, since that decides what a failure means."""

    def __init__(self, settings: SmtpSettings, timeout_seconds: float) -> None:
        self.stage = SmtpStage.SESSION
        self._client = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password,
            use_tls=settings.use_tls,
            start_tls=None if settings.use_tls else settings.start_tls,
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


def compose(message: Message, recipient: str) -> EmailMessage:
    """The e-mail with its headers, to the address in the form `wire_address` gives."""
    local_part, _, domain = recipient.rpartition("@")
    composed = EmailMessage()
    composed["Subject"] = message.parts[Part.SUBJECT]
    composed["From"] = message.sender
    composed["To"] = Address(" ".join(message.recipient.name.split()), local_part, domain)
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
