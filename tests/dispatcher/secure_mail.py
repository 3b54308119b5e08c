"""A mail server with a certificate and a login, the authorities behind it, and a provider that uses it over a wire on
which others read along."""

# ruff: noqa: N802 - the handlers are named by aiosmtpd
import asyncio
import datetime
import ipaddress
import secrets
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiosmtpd import smtp
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dispatcher.channels.channel import Message
from dispatcher.channels.email import SmtpProvider
from dispatcher.failures import ProviderFailure
from dispatcher.recipient import Recipient
from dispatcher.settings import SmtpSettings
from dispatcher.templates import Part
from tests.dispatcher.servers import MailServer

USER = "shop-mailer"
PASSWORD = "correct horse; battery"
ADDRESS = "ada@customer.example"
WORDS = "two boots wait in the cart"
"""Stands in the message's text."""

TIMEOUT_SECONDS = 10.0

LOGIN_FORMS = (
    USER.encode(),
    PASSWORD.encode(),
    b64encode(USER.encode()),
    b64encode(PASSWORD.encode()),
    b64encode(f"\0{USER}\0{PASSWORD}".encode()),
)
"""What a login looks like to somebody who reads along."""


class Authority:
    """A certificate authority of the test's own, which follows RFC 5280 closely enough for strict verification."""

    def __init__(self, directory: Path, name: str = "Test Authority") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._certificate = (
            self._begin(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = self._write(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self, *, host: str = "127.0.0.1", expired: bool = False) -> ssl.SSLContext:
        """What a server of that name needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            self._begin(x509.Name([]), key.public_key(), expired=expired)
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._write(certificate.public_bytes(serialization.Encoding.PEM) + pem))
        return context

    def _begin(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, expired: bool = False
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * day)
            .not_valid_after(now - day if expired else now + day)
        )

    def _write(self, content: bytes) -> Path:
        path = self._directory / f"{secrets.token_hex(8)}.pem"
        path.write_bytes(content)
        return path


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class SecureMailServer(MailServer):
    """Offers STARTTLS or speaks TLS from the first byte, and knows one login. It takes mail without either, so that
    only the client's own care keeps login and content out of the clear."""

    def __init__(self, context: ssl.SSLContext | None, *, implicit: bool = False, login_required: bool = True) -> None:
        super().__init__()
        self.password = PASSWORD
        self.refusal = "535 5.7.8 Authentication credentials invalid"
        self.logins: list[tuple[str, str]] = []
        """Every name and password that somebody tried."""
        self._context = context
        self._implicit = implicit
        self._login_required = login_required

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        context = self._context if self._implicit else None
        self._server = await loop.create_server(self._session, "127.0.0.1", self.port, ssl=context)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def _session(self) -> smtp.SMTP:
        session = smtp.SMTP(
            self,
            hostname="mail.example",
            enable_SMTPUTF8=True,
            tls_context=None if self._implicit else self._context,
            authenticator=self._authenticate,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )
        self._sessions.append(session)
        return session

    async def handle_MAIL(
        self, _server: smtp.SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._login_required and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    def _authenticate(
        self, _server: smtp.SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword
    ) -> AuthResult:
        tried = (login.login.decode(), login.password.decode())
        self.logins.append(tried)
        if tried == (USER, self.password):
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False, message=self.refusal)


class Wire:
    """The network between client and server: it remembers what the client sent, and an attacker sits on it who may
    alter what the server answers."""

    def __init__(self, server: MailServer, alter: Callable[[bytes], bytes] = bytes) -> None:
        self.sent = bytearray()
        self.port = 0
        self._target = server
        self._alter = alter
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target.port)

        def seen(chunk: bytes) -> bytes:
            self.sent += chunk
            return chunk

        for source, sink, change in ((reader, far_writer, seen), (far_reader, writer, self._alter)):
            task = asyncio.create_task(_pump(source, sink, change))
            self._tasks.add(task)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, change: Callable[[bytes], bytes]) -> None:
    try:
        with suppress(ConnectionError):
            while chunk := await source.read(65_536):
                sink.write(change(chunk))
                await sink.drain()
    finally:
        sink.close()


class Link:
    """A provider, the server that it is to use, and the wire between them."""

    def __init__(self, server: SecureMailServer, wire: Wire, settings: SmtpSettings) -> None:
        self.server = server
        self.wire = wire
        self.settings = settings
        self.commits = 0

    async def send(self) -> None:
        provider = SmtpProvider(self.settings, timeout_seconds=TIMEOUT_SECONDS)
        await provider.send(a_message(), self._commit)

    async def fail(self) -> ProviderFailure:
        """Sends in vain, and no message is given away."""
        with pytest.raises(ProviderFailure) as caught:
            await self.send()
        assert self.commits == 0
        assert not self.server.accepted
        return caught.value

    async def refused(self) -> ProviderFailure:
        """Sends in vain, and not even the login has left the client."""
        failure = await self.fail()
        assert not self.server.logins
        assert not self.readable()
        return failure

    def readable(self) -> list[bytes]:
        """What anybody on the wire could read."""
        private = (*LOGIN_FORMS, b"AUTH", ADDRESS.encode(), WORDS.encode(), b"MAIL FROM")
        return [words for words in private if words in self.wire.sent]

    async def _commit(self) -> None:
        self.commits += 1


@asynccontextmanager
async def linked(
    authority: Authority,
    *,
    implicit: bool = False,
    host: str = "127.0.0.1",
    expired: bool = False,
    alter: Callable[[bytes], bytes] = bytes,
) -> AsyncIterator[Link]:
    """A link whose client demands TLS and trusts the authority, and whose server has a certificate of it."""
    server = SecureMailServer(authority.server_context(host=host, expired=expired), implicit=implicit)
    await server.start()
    wire = Wire(server, alter)
    await wire.start()
    settings = SmtpSettings(
        port=wire.port,
        username=USER,
        password=PASSWORD,
        use_tls=implicit,
        start_tls=not implicit,
        ca_file=authority.file,
    )
    try:
        yield Link(server, wire, settings)
    finally:
        await wire.stop()
        await server.stop()


def a_message() -> Message:
    """A message about which everything is known."""
    return Message(
        send_id=secrets.token_hex(16),
        recipient=Recipient(bytes(16), ADDRESS, "Ada Lovelace"),
        sender="Shop & Sons <carts@shop.example>",
        reply_to="",
        parts={Part.SUBJECT: "Your cart", Part.TEXT: WORDS, Part.HTML: f"<p>{WORDS}</p>"},
        unsubscribe_url="https://links.example/u/token",
        time_micros=1_760_000_000_000_000,
    )
