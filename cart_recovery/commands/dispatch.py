"""Runs the dispatcher: it schedules touches, asks before each send, sends, and reports how it went. SIGTERM stops it.

Example:
  cart-recovery dispatch --settings cart-recovery.toml

"""

import argparse
import asyncio
import signal

from cart_recovery.exits import EXIT_DONE
from cart_recovery.options import add_settings_options, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.addresses import require_free, unusable
    from cart_recovery.composition import dispatcher_settings
    from cart_recovery.nats_server import KEEP_SECONDS, Attachment, attached
    from cart_recovery.settings import split_address
    from dispatcher.dispatcher import Dispatcher
    from dispatcher.http_face.server import CannotListen
    from dispatcher.metrics import serve
    from pyserver.logs import configure_logs

    settings = settings_of(options)
    require_free(settings, "http_address", "dispatcher_metrics_address")
    configure_logs(settings.log_level, process="dispatcher")
    if settings.dispatcher_metrics_address is not None:
        host, port = split_address(settings.dispatcher_metrics_address)
        try:
            serve(host, port)
        except OSError as error:
            raise unusable("dispatcher_metrics_address", f"{host}:{port}", error.strerror or str(error)) from None

    async def dispatch(nats: Attachment) -> None:
        dispatcher = Dispatcher(dispatcher_settings(settings, nats.url))
        loop = asyncio.get_running_loop()
        running = asyncio.create_task(dispatcher.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: asyncio.ensure_future(dispatcher.stop()))
        while not (await asyncio.wait({running}, timeout=KEEP_SECONDS))[0]:
            nats.keep()
        await running

    with attached(settings) as nats:
        try:
            asyncio.run(dispatch(nats))
        except CannotListen as reason:
            raise unusable("http_address", settings.http_address, str(reason)) from None
    return EXIT_DONE
