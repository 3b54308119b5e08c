"""The command line: help at once, an example for each command, exit codes that mean something."""

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cart_recovery.cli import COMMANDS, main
from cart_recovery.exits import EXIT_FAILED, EXIT_USAGE

HELP_SECONDS = 0.3


@pytest.mark.alone
def test_help_comes_at_once() -> None:
    durations = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "cart_recovery.cli", "--help"], check=True, capture_output=True)
        durations.append(time.monotonic() - began)
    assert min(durations) < HELP_SECONDS


def test_help_imports_nothing_heavy() -> None:
    program = "import sys, cart_recovery.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert {"grpc", "nats", "polars", "pydantic", "rust_features", "google.protobuf"}.isdisjoint(loaded)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_that_names_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"cart-recovery {command}" in capsys.readouterr().out.lower().partition("example")[2]


def subcommands() -> list[tuple[str, str]]:
    found = []
    for command in COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"cart_recovery.commands.{command}").add_arguments(parser)
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += [(command, name) for name in action.choices]
    return found


@pytest.mark.parametrize(("command", "subcommand"), subcommands())
def test_every_subcommand_shows_an_example_that_names_it(
    command: str, subcommand: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, subcommand, "--help"])
    assert ended.value.code == 0
    assert f"cart-recovery {command} {subcommand}" in capsys.readouterr().out.partition("Example:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_imports_a_part_before_it_runs(command: str) -> None:
    program = f"import sys, cart_recovery.commands.{command}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert {"pyserver", "dispatcher", "training", "audit", "loadtests", "rust_features", "pydantic"}.isdisjoint(loaded)


def test_every_command_is_a_module_with_a_run() -> None:
    assert all(callable(importlib.import_module(f"cart_recovery.commands.{name}").run) for name in COMMANDS)


@pytest.mark.parametrize("words", [["frobnicate"], ["--frobnicate"], ["inbox", "--frobnicate"], ["decision", "show"]])
def test_wrong_words_end_with_exit_code_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == EXIT_USAGE


def test_a_data_directory_that_cannot_be_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["serve", "--data", str(file)]) == EXIT_FAILED
    assert capsys.readouterr().err.startswith(f"cart-recovery: {file}/keys.made: Not a directory; see to its path")
