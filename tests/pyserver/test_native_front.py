"""What the native front does about TLS where grpcio does not do it."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cart_recovery.settings import Settings, TlsSettings
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from pyserver.process import Scorer
from rust_features import FrontUnusable
from tests.pyserver.conformance.certificates import Authority, Signed, loopback
from tests.pyserver.conftest import added, alone


def secured(settings: Settings, directory: Path, own: Signed) -> Settings:
    """A native front that shows this certificate."""
    files = {"certificate_file": own.certificate, "key_file": own.key}
    for name, content in files.items():
        (directory / name).write_bytes(content)
    tls = TlsSettings(**{name: directory / name for name in files})
    return settings.model_copy(update={"front": "native", "tls": tls})


def test_a_key_that_openssl_takes_and_rustls_does_not_is_named(settings: Settings, tmp_path: Path) -> None:
    own = Authority().sign("scorer", *loopback(), curve=ec.SECP521R1())
    with pytest.raises(FrontUnusable, match=r"^tls\.key_file: .*; name a key of "):
        Scorer(secured(settings, tmp_path, own))


def test_a_client_that_is_silent_in_its_handshake_does_not_hold_up_the_end(settings: Settings, tmp_path: Path) -> None:
    authority = Authority()
    own = authority.sign("scorer", *loopback())
    with alone(secured(settings, tmp_path, own)) as scorer, ExitStack() as stack:
        stack.enter_context(socket.create_connection(("127.0.0.1", scorer.front.port)))
        trust = grpc.ssl_channel_credentials(authority.certificate)
        channel = stack.enter_context(grpc.secure_channel(f"127.0.0.1:{scorer.front.port}", trust))
        # Connections are taken in their order.
        assert EventServiceStub(channel).Track(added("one"), timeout=5).spool_offset >= 0
        began = time.monotonic()
        scorer.front.stop(grace_seconds=8)
        assert time.monotonic() - began < 4
