"""Options that many commands share, and the settings that come of them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cart_recovery.settings import Settings

    Subcommands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 (it has no other name)


def add_subcommand(subcommands: "Subcommands", name: str, purpose: str, example: str) -> argparse.ArgumentParser:
    """One of a command's subcommands, whose help says what it is for and ends its description with an example."""
    return subcommands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.\n\nExample:\n  cart-recovery {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """`--settings` and `--data`."""
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: cart-recovery.toml)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data directory (default: as the settings say)")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def settings_of(options: argparse.Namespace, **overrides: Any) -> "Settings":
    """The settings with this command line's options on top. Raises SettingsError."""
    from cart_recovery.settings import load_settings

    if options.data is not None:
        overrides["data_directory"] = options.data
    return load_settings(options.settings, **overrides)


def add_event_file_options(parser: argparse.ArgumentParser, *, assumptions: bool) -> None:
    """FILE, `--format`, `--map` and, where nothing goes to a real journal, what may be assumed."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the event file, .gz or plain")
    parser.add_argument(
        "--format", choices=("segment-jsonl", "csv"), help="form of the rows (default: as the map says)"
    )
    parser.add_argument("--map", metavar="MAP", help="a map.toml, or a shipped one: segment (default), rees46, taobao")
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="where rejected rows go")
    if assumptions:
        parser.add_argument(
            "--assume-addresses", action="store_true", help="give everyone an address in a reserved example domain"
        )
        parser.add_argument("--assume-consent", action="store_true", help="take everyone's consent for granted")
