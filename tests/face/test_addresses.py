"""Addresses that cannot be listened on: one sentence that names the setting, and nothing is left running."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cart_recovery import addresses
from cart_recovery.addresses import free_address, free_port, require_free
from cart_recovery.cli import main
from cart_recovery.exits import EXIT_FAILED, CommandError
from cart_recovery.settings import ENVIRONMENT_PREFIX, Settings
from tests.harness.children import child_environment

SETTINGS = ("scorer_address", "metrics_address", "http_address", "dispatcher_metrics_address")
ELSEWHERE = "192.0.2.1:9464"
"""RFC 5737: no machine has this address."""


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def environment(**addresses: str) -> dict[str, str]:
    chosen = {name: free_address() for name in SETTINGS} | addresses
    return {f"{ENVIRONMENT_PREFIX}{name.upper()}": address for name, address in chosen.items()}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("serve", "scorer_address"),
        ("serve", "metrics_address"),
        ("dispatch", "http_address"),
        ("dispatch", "dispatcher_metrics_address"),
        *[("up", name) for name in SETTINGS],
    ],
)
def test_an_address_in_use_is_told_before_anything_is_made(
    command: str,
    name: str,
    taken: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable, address in environment(**{name: taken}).items():
        monkeypatch.setenv(variable, address)
    assert main([command, "--data", str(tmp_path / "data")]) == EXIT_FAILED
    told = capsys.readouterr().err
    assert told.startswith(f"cart-recovery: {name} {taken} cannot be used: it is in use;") and told.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("serve", "scorer_address"),
        ("serve", "metrics_address"),
        ("dispatch", "http_address"),
        ("dispatch", "dispatcher_metrics_address"),
    ],
)
def test_an_address_of_another_machine_ends_the_process_with_a_sentence(
    command: str, name: str, data: Path, tmp_path: Path
) -> None:
    variables = environment(**{name: ELSEWHERE}) | {"CART_RECOVERY_NATS__URL": f"nats://{free_address()}"}
    ended = subprocess.run(
        [sys.executable, "-m", "cart_recovery.cli", command, "--data", str(data)],
        env=child_environment(variables),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == EXIT_FAILED
    assert ended.stderr.splitlines()[-1].startswith(f"cart-recovery: {name} {ELSEWHERE} cannot be used: ")
    assert "Traceback" not in ended.stderr


def test_an_address_by_name_is_in_use_where_any_of_its_meanings_is(taken: str) -> None:
    settings = Settings(metrics_address=taken.replace("127.0.0.1", "localhost"))
    with pytest.raises(CommandError, match="metrics_address localhost"):
        require_free(settings, "metrics_address")


def test_free_ports_unset_addresses_and_unknown_hosts_pass(taken: str) -> None:
    settings = Settings(scorer_address="127.0.0.1:0", metrics_address="nowhere.invalid:9464", http_address=taken)
    require_free(settings, "scorer_address", "metrics_address", "dispatcher_metrics_address")


def test_a_port_that_is_chosen_is_free(taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_use, free = int(taken.rpartition(":")[2]), free_port()
    monkeypatch.setattr(addresses, "_CHOSEN_PORTS", (in_use, free))
    assert {free_port() for _ in range(20)} == {free}
    monkeypatch.setattr(addresses, "_CHOSEN_PORTS", (in_use,))
    with pytest.raises(CommandError, match="is in use; end some"):
        free_port()
