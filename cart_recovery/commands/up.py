"""Runs everything on one machine: the embedded nats-server (unless the settings name one), the scorer, the dispatcher.

A part that dies is started again. Ctrl-C and SIGTERM stop all parts in order: dispatcher, scorer, nats-server.

Example:
  cart-recovery up --settings cart-recovery.toml

"""

import argparse
import contextlib
import signal
import threading

from cart_recovery.exits import EXIT_DONE
from cart_recovery.options import add_settings_options, settings_of
from cart_recovery.terminal import note

_WATCH_SECONDS = 0.2
_ADDRESSES = ("scorer_address", "metrics_address", "http_address", "dispatcher_metrics_address")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.addresses import require_free
    from cart_recovery.keys import ensure_keys
    from cart_recovery.nats_server import NatsServer
    from cart_recovery.supervision import Part, Supervisor

    settings = settings_of(options)
    # A part that cannot listen would be started again and again.
    require_free(settings, *_ADDRESSES)
    ensure_keys(settings.keys_directory)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    words = [f"--{name}={value}" for name in ("settings", "data") if (value := getattr(options, name)) is not None]
    with contextlib.ExitStack() as running:
        server = None
        nats_url = settings.nats.url
        if nats_url is None:
            server = running.enter_context(NatsServer(settings.nats_directory, port=settings.nats.embedded_port))
            nats_url = server.url
        environment = {"CART_RECOVERY_NATS__URL": nats_url}
        parts = [Part("serve", words, environment), Part("dispatch", words, environment)]
        supervisor = running.enter_context(Supervisor(parts, stop_seconds=2 * settings.drain_seconds + 5))
        note(f"scorer on {settings.scorer_address}, links on {settings.http_address}, journal on {nats_url}")
        note(f"metrics on http://{settings.metrics_address}/metrics; Ctrl-C stops everything")
        while not stop.wait(_WATCH_SECONDS):
            supervisor.restart_dead()
            if server is not None and server.restart_dead():
                note("nats-server had died and runs again")
    return EXIT_DONE
