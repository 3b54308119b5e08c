"""What the dispatcher has to be told. The settings of the deployment fill this; nothing here reads a file."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """How e-mail leaves."""

    host: str = "127.0.0.1"
    port: int = 25
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    use_tls: bool = False
    """TLS from the first byte (port 465)."""
    start_tls: bool = False
    """Demands STARTTLS: a server that does not offer it is told nothing."""
    ca_file: Path | None = None
    """PEM file of the only authorities that may vouch for the server; None leaves that to the system's."""


@dataclass(frozen=True, slots=True)
class ScorerTls:
    """TLS to the scorer; PEM."""

    ca: bytes
    """The only authorities that may vouch for the scorer."""
    certificate: bytes
    """What the dispatcher shows of itself."""
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """Everything one dispatcher process is built from."""

    data_directory: Path
    contact_key: bytes = field(repr=False)
    """X25519 private key that opens sealed contacts, 32 bytes."""
    link_key: bytes = field(repr=False)
    """Key of the links in messages, 32 bytes."""
    bundle_public_key: bytes
    """Ed25519 public key that bundles are signed with, 32 bytes."""

    nats_url: str = "nats://127.0.0.1:4222"
    nats_credentials: str | None = None
    replicas: int = 1
    """Copies of each stream: 1 embedded, 3 in a cluster."""
    scorer_target: str = "127.0.0.1:50051"
    scorer_tls: ScorerTls | None = None

    public_url: str = "http://127.0.0.1:8080"
    """Where recipients reach the HTTP face; the base of every link."""
    http_host: str = "127.0.0.1"
    http_port: int | None = 8080
    """None starts no HTTP face; 0 takes a free port."""
    open_pixel: bool = False
    """Whether e-mails hold a picture that tells when it is loaded."""

    email_provider: str = "smtp"
    """"smtp" or "logging"."""
    smtp: SmtpSettings = SmtpSettings()

    provider_timeout_seconds: float = 30.0
    concurrency: int = 8
    """Touches in hand at the same time."""
    scorer_patience_seconds: float = 20.0
    """How long a touch in hand waits for a scorer that is away before it is scheduled again."""
    touch_patience_seconds: int = 86_400
    """A touch that waited so long after its first due time is skipped as stale."""
    touch_ttl_seconds: int = 7 * 86_400
    """Bound of everything in TOUCHES; above the patience, so that nothing vanishes without an outcome."""
    jitter_seconds: int = 30
    """Sends that fall due together are spread over so long."""

    @property
    def ack_wait_seconds(self) -> float:
        """How long the server waits for a sign of life of a touch in hand."""
        return 3 * self.provider_timeout_seconds
