"""Runs the scorer: gRPC services, spool, relay and feed, metrics. SIGTERM and Ctrl-C drain it.

Example:
  cart-recovery serve --settings cart-recovery.toml

"""

import argparse
import signal
import threading
from typing import TYPE_CHECKING

from cart_recovery.exits import EXIT_DONE, EXIT_USAGE, CommandError
from cart_recovery.options import add_settings_options, settings_of
from cart_recovery.terminal import note

if TYPE_CHECKING:
    from cart_recovery.settings import Settings
    from pyserver.process import Scorer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("--address", metavar="HOST:PORT", help="where the gRPC services listen")
    parser.add_argument("--front", choices=["native", "grpcio"], help="what serves gRPC (default: the setting)")
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.addresses import require_free
    from cart_recovery.composition import BundleUnusable, ensure_bundle
    from cart_recovery.keys import ensure_keys
    from cart_recovery.nats_server import KEEP_SECONDS, attached
    from pyserver.logs import configure_logs

    given = {"scorer_address": options.address, "front": options.front}
    settings = settings_of(options, **{name: value for name, value in given.items() if value})
    require_free(settings, "scorer_address", "metrics_address")
    configure_logs(settings.log_level, process="scorer")
    ensure_keys(settings.keys_directory)
    try:
        ensure_bundle(settings)
    except BundleUnusable as unusable:
        note(f"{unusable}; events are accepted meanwhile, nothing is decided")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with attached(settings) as nats:
        scorer = _bound_scorer(settings)
        try:
            _start(scorer, settings, nats.url)
            while not stop.wait(KEEP_SECONDS):
                nats.keep()
        finally:
            scorer.stop()
    return EXIT_DONE


def _bound_scorer(settings: "Settings") -> "Scorer":
    from cart_recovery.addresses import unusable
    from pyserver.process import Scorer
    from pyserver.tls import TlsUnusable

    try:
        return Scorer(settings)
    except TlsUnusable as unusable_files:
        raise CommandError(str(unusable_files), exit_code=EXIT_USAGE) from None
    except RuntimeError:
        # All that gRPC says of an address that it cannot bind.
        raise unusable("scorer_address", settings.scorer_address, "gRPC cannot listen there") from None


def _start(scorer: "Scorer", settings: "Settings", nats_url: str) -> None:
    from cart_recovery.addresses import unusable

    try:
        scorer.start(nats_url)
    except OSError as error:
        # The metrics page is all that opens an address at this point.
        raise unusable("metrics_address", settings.metrics_address, error.strerror or str(error)) from None
