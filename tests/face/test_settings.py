"""Settings: every source, and errors that name field, value and remedy."""

from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_USAGE
from cart_recovery.settings import SettingsError, load_settings, split_address


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(text: str) -> str:
    Path("cart-recovery.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_without_any_source_everything_is_on_loopback() -> None:
    settings = load_settings()
    addresses = (settings.scorer_address, settings.metrics_address, settings.http_address)
    assert {split_address(address)[0] for address in addresses} == {"127.0.0.1"}
    assert settings.policy_path.name == "policy.toml"


def test_options_come_before_environment_before_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("cart-recovery.toml").write_text('threads = 8\nlog_level = "error"\n[smtp]\nhost = "file"\nport = 26\n')
    monkeypatch.setenv("CART_RECOVERY_THREADS", "16")
    monkeypatch.setenv("CART_RECOVERY_SMTP__HOST", "environment")
    settings = load_settings(log_level="debug")
    assert (settings.threads, settings.log_level) == (16, "debug")
    assert (settings.smtp.host, settings.smtp.port) == ("environment", 26)


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    assert refusal("[smtp]\nhots = 'x'\n") == "settings: smtp.hots: there is no such setting; did you mean smtp.host?"


def test_an_unknown_environment_variable_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CART_RECOVERY_THREAD", "16")
    with pytest.raises(SettingsError, match="CART_RECOVERY_THREAD names no setting; did you mean"):
        load_settings()


def test_a_wrong_value_is_named_with_its_remedy() -> None:
    message = refusal("scorer_address = 'localhost'")
    assert message.startswith("settings: scorer_address: 'localhost' is refused: write HOST:PORT")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("certificate_file = 'c.pem'", "certificate_file and key_file are set together"),
        ("client_ca_file = 'ca.pem'", "client_ca_file needs certificate_file and key_file"),
    ],
)
def test_tls_settings_that_need_others_are_refused(text: str, words: str) -> None:
    message = refusal(f"[tls]\n{text}\n")
    assert message.startswith("settings: tls: ") and words in message


def test_every_wrong_field_is_told_at_once() -> None:
    message = refusal("threads = 1\nlog_level = 'loud'\n")
    assert [line.split(":")[1].strip() for line in message.splitlines()] == ["threads", "log_level"]


def test_a_password_is_shown_in_no_error_and_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "4711" not in refusal("[smtp]\npassword = 4711\n")
    Path("cart-recovery.toml").unlink()
    monkeypatch.setenv("CART_RECOVERY_SMTP__PASSWORD", "s3cret")
    assert "s3cret" not in repr(load_settings())


def test_a_file_that_is_no_toml_is_refused_with_its_place() -> None:
    message = refusal("threads =\n")
    assert "cart-recovery.toml" in message
    assert "line 1" in message


def test_a_named_file_has_to_exist() -> None:
    with pytest.raises(SettingsError, match=r"there is no file missing\.toml"):
        load_settings(Path("missing.toml"))


def test_wrong_settings_end_a_command_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cart-recovery.toml").write_text("threads = 'many'\n")
    assert main(["inbox"]) == EXIT_USAGE
    assert "threads: 'many' is refused" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["", "host", "host:", ":1", "host:port", "host:65536", "host:-1", "host:١"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        split_address(address)


def test_an_ipv6_address_loses_its_brackets() -> None:
    assert split_address("[::1]:50051") == ("::1", 50051)
