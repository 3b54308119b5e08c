"""How the dispatcher is told to reach a scorer that speaks TLS."""

from pathlib import Path

import pytest

from cart_recovery.composition import dispatcher_settings
from cart_recovery.keys import ensure_keys
from cart_recovery.settings import Settings, SettingsError, TlsSettings

FILES = ("certificate_file", "key_file", "ca_file")
NOBODY = "nats://127.0.0.1:4222"


def settings(directory: Path, *names: str) -> Settings:
    """With these TLS files, each of which holds its own name."""
    for name in names:
        (directory / name).write_text(name)
    tls = TlsSettings(**{name: directory / name for name in names})
    made = Settings(data_directory=directory / "data", tls=tls)
    ensure_keys(made.keys_directory)
    return made


def test_without_certificates_the_dispatcher_speaks_plain_text(tmp_path: Path) -> None:
    assert dispatcher_settings(settings(tmp_path), NOBODY).scorer_tls is None


def test_the_files_are_read_and_the_key_is_not_shown(tmp_path: Path) -> None:
    tls = dispatcher_settings(settings(tmp_path, *FILES), NOBODY).scorer_tls
    assert tls is not None
    assert (tls.ca, tls.certificate, tls.key) == (b"ca_file", b"certificate_file", b"key_file")
    assert "key_file" not in repr(tls)


def test_who_vouches_for_the_scorer_has_to_be_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tls\.ca_file: nothing is set; name the CAs"):
        dispatcher_settings(settings(tmp_path, *FILES[:2]), NOBODY)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    made = settings(tmp_path, *FILES)
    (tmp_path / "key_file").unlink()
    with pytest.raises(SettingsError, match="key_file cannot be read"):
        dispatcher_settings(made, NOBODY)
