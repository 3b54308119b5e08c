"""The embedded nats-server: one per directory, durable, gone with its parent."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import nats
import pytest

from cart_recovery.nats_server import NatsServer, NatsServerError, attached, running_url
from cart_recovery.settings import load_settings


async def publish(url: str, text: bytes) -> int:
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(name="KEPT", subjects=["kept"])
    sequence = (await stream.publish("kept", text)).seq
    await client.close()
    return sequence


async def last(url: str) -> bytes:
    client = await nats.connect(url)
    message = await client.jetstream().get_last_msg("KEPT", "kept")
    await client.close()
    return message.data or b""


async def test_what_was_acknowledged_outlives_a_power_cut(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    first_url = server.start()
    await publish(first_url, b"kept")
    server.kill()
    assert server.start() == first_url
    assert await last(first_url) == b"kept"
    server.stop()


def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats") as server:
        assert server.url.startswith("nats://127.0.0.1:")


def test_a_second_server_over_the_same_directory_is_refused(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats") as server:
        with pytest.raises(NatsServerError, match="already runs"):
            NatsServer(tmp_path / "nats").start()
        assert running_url(tmp_path / "nats") == server.url


async def test_a_command_finds_the_server_that_runs_or_starts_one(tmp_path: Path) -> None:
    settings = load_settings(data_directory=tmp_path)
    with NatsServer(settings.nats_directory) as server, attached(settings) as nats:
        assert nats.url == server.url
        await publish(nats.url, b"from the first")
    with attached(settings) as nats:
        assert await last(nats.url) == b"from the first"
    assert running_url(settings.nats_directory) is None


def test_ones_own_server_is_taken_where_the_settings_name_it(tmp_path: Path) -> None:
    settings = load_settings(data_directory=tmp_path, nats={"url": "nats://nats.example:4222"})
    with attached(settings) as nats:
        nats.keep()
        assert nats.url == "nats://nats.example:4222"


async def test_who_stays_runs_the_server_on_when_its_starter_has_ended(tmp_path: Path) -> None:
    settings = load_settings(data_directory=tmp_path)
    with NatsServer(settings.nats_directory) as server, attached(settings) as one, attached(settings) as other:
        await publish(one.url, b"before")
        one.keep()
        assert server.alive
        server.stop()
        one.keep()
        other.keep()
        assert one.url == other.url == running_url(settings.nats_directory)
        assert await last(other.url) == b"before"
        one.release()
        other.keep()
        assert await last(other.url) == b"before"
    assert running_url(settings.nats_directory) is None


@pytest.mark.fault
def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from cart_recovery.nats_server import NatsServer
        print(NatsServer(Path(sys.argv[1])).start(), flush=True)
        time.sleep(60)
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path / "nats")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith("nats://")
        os.kill(parent.pid, signal.SIGKILL)
    # The lock is the server's: whoever gets it knows that the server is gone.
    with NatsServer(tmp_path / "nats") as server:
        assert server.url


def test_a_server_that_cannot_start_says_where_its_log_is(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "one") as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(NatsServerError, match=r"see .*nats-server\.log"):
            NatsServer(tmp_path / "two", port=port).start()
