"""What the native front does about TLS where grpcio does not do it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cart_recovery.settings import Settings, TlsSettings
from pyserver.process import Scorer
from rust_features import FrontUnusable
from tests.pyserver.conformance.certificates import Authority, Signed, loopback


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
