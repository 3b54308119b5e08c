"""The command line: it finds the command, and turns known errors into one sentence and an exit code.

Nothing heavy is imported here; each command imports what it needs when it runs.
"""

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from cart_recovery.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, CommandError

COMMANDS = {
    "demo": "the whole system on a simulated shop, in a minute",
    "up": "everything on one machine: nats-server, scorer, dispatcher",
    "serve": "the scorer alone",
    "dispatch": "the dispatcher alone",
    "ingest": "put an event file into the journal",
    "backtest": "what would have been decided on an event file, offline",
    "rehearse": "the live system on an event file's own clock, e-mails into the local inbox",
    "train": "train, check and sign a release bundle",
    "release": "list bundles, activate one, or go back",
    "figures": "what was recovered, what it earned and cost",
    "decision": "show one decision, or re-execute it",
    "inbox": "list or open the e-mails of the local inbox",
    "spool": "what lies in the spool on local disk, and whether it is sound",
    "loadtest": "measure a scorer, or compare the engine with its peers",
}
"""Name and purpose of every command; each lives in `cart_recovery/commands/<name>.py`."""

OWN_PACKAGES = ("cart_recovery", "pyserver", "dispatcher", "training", "audit", "loadtests", "rust_features")
"""Errors of these are written for the person at the terminal; any other error is a fault and shows its traceback."""

_EPILOG = """\
`cart-recovery COMMAND --help` shows the options and an example.

exit codes: 0 done, 1 failed, 2 wrong options or settings, 3 done with rejected rows or a missed bound, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        parser = _parser()
        # Ends the process for --help, --version and whatever is no command.
        parser.parse_args(words or ["--help"])
        parser.error("the command comes first")
    name = words[0]
    module = importlib.import_module(f"cart_recovery.commands.{name}")
    parser = argparse.ArgumentParser(
        prog=f"cart-recovery {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(parser)
    options = parser.parse_args(words[1:])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(module.run(options))
    except CommandError as error:
        return _report(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _report("interrupted; everything that was started is stopped", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough.
        return EXIT_FAILED
    except OSError as error:
        # What has no file name is of the network, and is told where it is met.
        if error.filename is None:
            raise
        remedy = "see to its path, its rights and its disk, or name another"
        return _report(f"{error.filename}: {error.strerror}; {remedy}", EXIT_FAILED)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in OWN_PACKAGES:
            raise
        return _report(str(error), EXIT_USAGE if type(error).__name__ == "SettingsError" else EXIT_FAILED)


def _report(message: str, exit_code: int) -> int:
    sys.stderr.write(f"cart-recovery: {message}\n")
    return exit_code


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="cart-recovery",
        usage="cart-recovery COMMAND [options]",
        description=f"Decides what to do about abandoned carts, does it, proves its worth.\n\ncommands:\n{listing}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        # Reading the metadata takes longer than all the rest of --help.
        from importlib.metadata import version

        print(version("cart-recovery"))  # noqa: T201
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
