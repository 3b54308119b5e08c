"""The files of `tls.*`, read and tried before a front shows them to anybody."""

import ssl
from pathlib import Path

from cart_recovery.settings import TlsSettings

Tls = tuple[bytes, bytes, bytes | None]
"""Certificate chain, key, and the CAs of callers where those must show a certificate; PEM."""


class TlsUnusable(Exception):
    """TLS cannot be served with these files; the message names setting, file and remedy."""


def read_tls(settings: TlsSettings) -> Tls | None:
    """What a front shows, or None without TLS. Raises TlsUnusable."""
    if settings.certificate_file is None or settings.key_file is None:
        return None
    certificate = _read("certificate_file", settings.certificate_file)
    key = _read("key_file", settings.key_file)
    tried = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key under a pass phrase would ask for it on the terminal.
        tried.load_cert_chain(settings.certificate_file, settings.key_file, password="")
    except ssl.SSLError as error:
        raise TlsUnusable(
            f"tls.certificate_file: {settings.certificate_file} is refused with the key {settings.key_file}: {error}; "
            "name a certificate chain and its key, both PEM, the key without a pass phrase"
        ) from None
    if settings.client_ca_file is None:
        return certificate, key, None
    client_ca = _read("client_ca_file", settings.client_ca_file)
    try:
        tried.load_verify_locations(settings.client_ca_file)
    except ssl.SSLError as error:
        raise TlsUnusable(
            f"tls.client_ca_file: {settings.client_ca_file} is refused: {error}; name the CAs of callers, PEM"
        ) from None
    return certificate, key, client_ca


def _read(setting: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TlsUnusable(
            f"tls.{setting}: {file} cannot be read: {error.strerror}; name a file that this user may read"
        ) from None
