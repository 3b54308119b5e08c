"""A dispatcher in a process of its own, to be killed: python -m tests.dispatcher.dispatcher_process SETTINGS_JSON."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from dispatcher.dispatcher import Dispatcher
from dispatcher.settings import DispatcherSettings, SmtpSettings

KEYS = ("contact_key", "link_key", "bundle_public_key")


def to_json(settings: DispatcherSettings) -> str:
    """The settings as one command-line argument."""
    fields = asdict(settings)
    fields |= {name: fields[name].hex() for name in KEYS}
    return json.dumps(fields, default=str)


def from_json(text: str) -> DispatcherSettings:
    """What `to_json` wrote."""
    fields = json.loads(text)
    fields |= {name: bytes.fromhex(fields[name]) for name in KEYS}
    fields["data_directory"] = Path(fields["data_directory"])
    fields["smtp"] = SmtpSettings(**fields["smtp"])
    return DispatcherSettings(**fields)


if __name__ == "__main__":
    asyncio.run(Dispatcher(from_json(sys.argv[1])).run())
