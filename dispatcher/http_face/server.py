"""Serves the HTTP face within the dispatcher's own event loop."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from dispatcher.clock import Clock
from dispatcher.http_face.app import Face, create_app
from dispatcher.http_face.connections import Connection
from dispatcher.links import Links
from dispatcher.release import ActiveRelease
from dispatcher.scorer import Scorer
from dispatcher.settings import DispatcherSettings


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class CannotListen(Exception):
    """The address of the HTTP face cannot be used, for this reason."""


class HttpFace:
    """A server that starts and stops with the dispatcher; signals are the process's business."""

    def __init__(
        self, settings: DispatcherSettings, clock: Clock, links: Links, release: ActiveRelease, scorer: Scorer
    ) -> None:
        self._settings = settings
        app = create_app(Face(clock, links, release, scorer), open_pixel=settings.open_pixel)
        # No access log: a token in a log would let its reader act for the recipient.
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            lifespan="off",
            http=Connection,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int | None:
        """The port it listens on; None where it does not."""
        return None if self._socket is None else int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Listens from here on, unless the settings want no HTTP face. Raises CannotListen."""
        if self._settings.http_port is None:
            return
        try:
            self._socket = socket.create_server((self._settings.http_host, self._settings.http_port))
        except OSError as error:
            raise CannotListen(error.strerror or str(error)) from error
        self._task = asyncio.create_task(self._serve(self._socket))

    async def stop(self) -> None:
        """Finishes the requests in hand and closes the port."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task

    async def _serve(self, listening: socket.socket) -> None:
        await self._server.serve([listening])
