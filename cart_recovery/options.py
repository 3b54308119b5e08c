"""Options that many commands share, and the settings that come of them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cart_recovery.settings import Settings


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """`--settings` and `--data`."""
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: cart-recovery.toml)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data directory (default: from the settings, else data)")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def settings_of(options: argparse.Namespace, **overrides: Any) -> "Settings":
    """The settings with this command line's options on top. Raises SettingsError."""
    from cart_recovery.settings import load_settings

    if options.data is not None:
        overrides["data_directory"] = options.data
    return load_settings(options.settings, **overrides)
