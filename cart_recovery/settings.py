"""The one settings model: `cart-recovery.toml`, overridden by `CART_RECOVERY_*`, overridden by options.

Every address defaults to loopback: nothing is open to the network unless somebody says so. Nested fields are named
`CART_RECOVERY_SMTP__HOST` in the environment and `[smtp] host` in the file.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

SETTINGS_FILE = "cart-recovery.toml"
"""Read from the working directory unless another file is named."""

ENVIRONMENT_PREFIX = "CART_RECOVERY_"

STARTER = Path(__file__).resolve().parent / "starter"
"""Policy and templates that ship with the project."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts to which nothing crosses a network."""


class SettingsError(Exception):
    """The settings cannot be used; the message names each field, its value and the remedy."""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`; raises ValueError for anything else."""
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("write HOST:PORT, for example 127.0.0.1:50051 (port 0 takes a free one)")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _checked_address(address: str) -> str:
    split_address(address)
    return address


def _checked_nats_url(url: str) -> str:
    if not url.startswith(("nats://", "tls://")):
        raise ValueError("write nats://HOST:PORT or tls://HOST:PORT, or leave it out for the embedded server")
    return url


def _checked_public_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("write https://HOST, the address under which recipients reach the HTTP face")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_checked_address)]
"""`HOST:PORT`."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NatsSettings(_Section):
    """Where JetStream is."""

    url: Annotated[str, AfterValidator(_checked_nats_url)] | None = Field(
        default=None, description="URL of your own nats-server, or nothing for the embedded one"
    )
    credentials_file: Path | None = Field(default=None, description="path of a NATS .creds file")
    embedded_port: int = Field(default=0, ge=0, le=65535, description="port of the embedded server, 0 for a free one")
    replicas: int = Field(default=1, ge=1, le=5, description="copies of each stream: 1 on one server, 3 in a cluster")


class TlsSettings(_Section):
    """How the scorer and its callers prove who they are."""

    certificate_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate chain that the scorer shows, and the dispatcher to it; nothing for "
        "plain text",
    )
    key_file: Path | None = Field(default=None, description="PEM file of that certificate's key, without pass phrase")
    client_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the CAs that must vouch for callers of the scorer, or nothing to let everybody in",
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of the CAs that vouch for the scorer to the dispatcher"
    )

    @model_validator(mode="after")
    def _files_belong_together(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file are set together or not at all")
        if self.client_ca_file is not None and self.certificate_file is None:
            raise ValueError("client_ca_file needs certificate_file and key_file")
        return self


class SmtpSettings(_Section):
    """How e-mail leaves."""

    host: str = Field(default="127.0.0.1", description="host name of the mail server")
    port: int = Field(default=25, ge=1, le=65535, description="25, 465 for tls, 587 for starttls")
    tls: Literal["none", "starttls", "tls"] = Field(default="none", description="none, starttls or tls")
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the only CAs that may vouch for the mail server, or nothing for the system's",
    )
    user: str | None = Field(
        default=None, description="user name at the mail server; needs tls, unless that is this machine"
    )
    password: SecretStr | None = Field(
        default=None, description="password at the mail server, best given by the environment"
    )
    timeout_seconds: float = Field(default=30.0, gt=0, le=300, description="seconds above 0, at most 300")

    @field_validator("user")
    @classmethod
    def _login_is_not_shown(cls, user: str | None, earlier: ValidationInfo) -> str | None:
        if user and earlier.data.get("tls") == "none" and earlier.data.get("host") not in LOOPBACK:
            raise ValueError("without TLS the password would cross the network in clear; set smtp.tls")
        return user


class Settings(BaseSettings):
    """Everything a process of the project has to be told."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_directory: Path = Field(default=Path("data"), description="a directory that this user may write")
    scorer_address: Address = Field(default="127.0.0.1:50051", description="HOST:PORT of the gRPC services")
    front: Literal["grpcio", "native"] = Field(
        default="grpcio", description="what serves gRPC: grpcio, or native for more calls on the same processor"
    )
    objective_ms: float = Field(
        default=100.0,
        ge=1,
        le=10_000,
        description="milliseconds in which a call is to be answered, 1 to 10000; it is refused where it waits for half "
        "of them, or on the native front, where a queue stands, for a tenth",
    )
    tls: TlsSettings = Field(default=TlsSettings(), description="a table of TLS settings of the gRPC services")
    quota_calls_per_second: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="calls and streamed events a second of each caller, 0 for no bound, at most 1000000",
    )
    metrics_address: Address = Field(default="127.0.0.1:9464", description="HOST:PORT of the scorer's Prometheus page")
    dispatcher_metrics_address: Address | None = Field(
        default=None, description="HOST:PORT of the dispatcher's Prometheus page, or nothing for none"
    )
    http_address: Address = Field(default="127.0.0.1:8080", description="HOST:PORT that links in messages lead to")
    public_url: Annotated[str, AfterValidator(_checked_public_url)] | None = Field(
        default=None, description="the http face as recipients see it, by default http:// and http_address"
    )
    nats: NatsSettings = Field(default=NatsSettings(), description="a table of NATS settings")
    smtp: SmtpSettings = Field(default=SmtpSettings(), description="a table of SMTP settings")
    email_provider: Literal["smtp", "logging"] = Field(default="smtp", description="smtp, or logging to send nothing")
    open_pixel: bool = Field(
        default=False,
        description="true to put a picture into e-mails that counts opens, also those of mail programs that load "
        "pictures by themselves",
    )
    send_jitter_seconds: int = Field(
        default=30,
        ge=0,
        le=3600,
        description="seconds over which sends due together are spread, at most 3600",
    )
    spool_limit_bytes: int = Field(default=1 << 30, ge=1 << 20, le=1 << 40, description="bytes, at least 1 MiB")
    snapshot_messages: int = Field(
        default=1_000_000,
        ge=0,
        description="messages folded between two snapshots of the state, 0 for none",
    )
    durability: Literal["process", "disk"] = Field(
        default="process",
        description="what an accepted call survives: process, the death of the scorer; disk, also a loss of power, for "
        "the time of a disk sync in each answer",
    )
    threads: int = Field(default=32, ge=4, le=512, description="threads that answer gRPC calls, 4 to 512")
    drain_seconds: float = Field(
        default=20.0, ge=0, le=600, description="seconds for calls and spool at the end, at most 600"
    )
    policy_path: Path = Field(default=STARTER / "policy.toml", description="path of a policy file")
    templates_directory: Path = Field(default=STARTER / "templates", description="directory of *.mjml.liquid files")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )

    @property
    def keys_directory(self) -> Path:
        """Where the secrets of the deployment are."""
        return self.data_directory / "keys"

    @property
    def bundles_directory(self) -> Path:
        """Where release bundles and the pointer to the active one are."""
        return self.data_directory / "bundles"

    @property
    def inbox_directory(self) -> Path:
        """Where the local inbox keeps its e-mails."""
        return self.data_directory / "inbox"

    @property
    def spool_directory(self) -> Path:
        """Where the scorer keeps accepted messages until the journal has them."""
        return self.data_directory / "spool"

    @property
    def imports_directory(self) -> Path:
        """Where imports under way keep their spools, and where rejected rows are written down."""
        return self.data_directory / "imports"

    @property
    def nats_directory(self) -> Path:
        """Where the embedded nats-server keeps its store."""
        return self.data_directory / "nats"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic names them)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options before environment before file; no other source."""
        file = cls.model_config.get("toml_file")
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file))


def load_settings(path: Path | None = None, **options: Any) -> Settings:
    """Reads the settings; `options` are values given on the command line. Raises SettingsError."""
    if path is not None and not path.is_file():
        raise SettingsError(f"settings: there is no file {path}; name one that exists, or leave the option out")
    file = path or Path(SETTINGS_FILE)
    _refuse_unknown_environment(os.environ)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return FromFile(**options)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(dict(one)) for one in error.errors())) from None
    except ValueError as error:
        raise SettingsError(f"settings: {file} cannot be read: {error}") from None
    except OSError as error:
        raise SettingsError(f"settings: {file} cannot be read: {error.strerror}; check its permissions") from None


def _refuse_unknown_environment(environment: Mapping[str, str]) -> None:
    known = {f"{ENVIRONMENT_PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in environment:
        stem = name.upper().split("__")[0]
        if stem.startswith(ENVIRONMENT_PREFIX) and stem not in known:
            nearest = difflib.get_close_matches(stem, known, n=1)
            remedy = f"did you mean {nearest[0]}?" if nearest else "unset it"
            raise SettingsError(f"settings: the environment variable {name} names no setting; {remedy}")


def _explain(error: dict[str, Any]) -> str:
    """One line for one wrong field: its name, the value, the remedy."""
    location = [str(part) for part in error["loc"]]
    field, description = _field_of(location)
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(location[-1], field, n=1)
        remedy = f"did you mean {'.'.join([*location[:-1], *nearest])}?" if nearest else "remove it"
        return f"settings: {'.'.join(location)}: there is no such setting; {remedy}"
    value = "(hidden)" if "password" in location else repr(error["input"])
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"settings: {'.'.join(location)}: {value} is refused: {reason}; expected: {description}"


def _field_of(location: list[str]) -> tuple[list[str], str]:
    """The names beside the last part of `location`, and what its field expects."""
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    field = model.model_fields.get(location[-1])
    return list(model.model_fields), (field.description or "" if field else "")
