"""From the deployment's settings to the mail server: what is refused at the start, and what the provider is given."""

from pathlib import Path

import pytest

from cart_recovery.composition import dispatcher_settings
from cart_recovery.keys import ensure_keys
from cart_recovery.settings import Settings, SettingsError, load_settings
from dispatcher.settings import SmtpSettings
from tests.dispatcher.secure_mail import PASSWORD, USER, Authority


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CART_RECOVERY_SMTP__PASSWORD", PASSWORD)
    return tmp_path


def given(text: str) -> Settings:
    Path("cart-recovery.toml").write_text(f"[smtp]\n{text}")
    settings = load_settings()
    ensure_keys(settings.keys_directory)
    return settings


def provided(settings: Settings) -> SmtpSettings:
    return dispatcher_settings(settings, "nats://127.0.0.1:4222").smtp


@pytest.mark.parametrize(("tls", "use_tls", "start_tls"), [("tls", True, False), ("starttls", False, True)])
def test_provider_is_told_host_login_and_authority(directory: Path, tls: str, use_tls: bool, start_tls: bool) -> None:
    ca_file = Authority(directory).file
    settings = given(f"host = 'mail.example'\nport = 587\ntls = '{tls}'\nuser = '{USER}'\nca_file = '{ca_file}'\n")
    assert provided(settings) == SmtpSettings(
        host="mail.example",
        port=587,
        username=USER,
        password=PASSWORD,
        use_tls=use_tls,
        start_tls=start_tls,
        ca_file=ca_file,
    )


def test_without_a_file_the_system_judges() -> None:
    assert provided(given("tls = 'tls'\n")).ca_file is None


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), ("no certificate", "no certificate")])
def test_file_without_certificates_is_refused_at_the_start(directory: Path, content: str | None, words: str) -> None:
    if content is not None:
        (directory / "ca.pem").write_text(content)
    settings = given("tls = 'tls'\nca_file = 'ca.pem'\n")
    with pytest.raises(SettingsError, match=rf"smtp\.ca_file: 'ca\.pem' is refused: .*{words}.*; expected: a PEM file"):
        provided(settings)


def test_login_in_clear_is_refused_beyond_this_machine() -> None:
    with pytest.raises(
        SettingsError, match=r"smtp\.user: 'shop-mailer' is refused: without TLS .* set smtp\.tls"
    ) as caught:
        given(f"host = 'mail.example'\nuser = '{USER}'\n")
    assert PASSWORD not in str(caught.value)


def test_login_at_a_server_on_this_machine_needs_no_tls() -> None:
    assert provided(given(f"host = 'localhost'\nuser = '{USER}'\n")).username == USER
