"""The journal reader against a real nats-server."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig

from audit.journal import JournalUnreadable, messages, read_journal
from cart_recovery.addresses import free_port
from cart_recovery.v1.journal_pb2 import JournalMessage, Tick


def await_port(process: subprocess.Popen[bytes]) -> None:
    """Reads the server's log until it takes connections; the port opens when JetStream is ready."""
    assert process.stderr is not None
    for line in process.stderr:
        if b"Server is ready" in line:
            return
    raise RuntimeError("the nats-server ended before it was ready")


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A nats-server with JetStream on a free port."""
    binary = Path(sys.executable).parent / "nats-server"
    port, store = free_port(), tmp_path_factory.mktemp("nats")
    command = [str(binary), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(store)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        await_port(process)
        yield f"nats://127.0.0.1:{port}"
        process.terminate()


async def publish(url: str, count: int, first_second: int) -> None:
    """Creates JOURNAL where it is missing and appends ticks of consecutive seconds, spread over subjects."""
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="JOURNAL", subjects=["evt.*.*", "dec.*.*"], deny_delete=True))
    for batch in range(first_second, first_second + count, 500):
        last = min(batch + 500, first_second + count)
        await asyncio.gather(*(stream.publish(f"evt.{second % 7}.tick", tick(second)) for second in range(batch, last)))
    await client.close()


def tick(second: int) -> bytes:
    """A tick of that second."""
    message = JournalMessage(tick=Tick())
    message.received_time.seconds = second
    return message.SerializeToString()


def test_a_server_without_a_journal_is_named(nats_url: str) -> None:
    with pytest.raises(JournalUnreadable, match="no stream JOURNAL"):
        read_journal(nats_url)


def test_every_message_is_read_once_in_order(nats_url: str) -> None:
    asyncio.run(publish(nats_url, 40_000, 1))
    heard: list[tuple[int, int]] = []
    journal = read_journal(nats_url, progress=lambda read, last: heard.append((read, last)))
    assert journal["sequence"].to_list() == list(range(1, 40_001))
    assert sum(message.received_time.seconds for _, message in messages(journal)) == 40_000 * 40_001 // 2
    assert heard[-1] == (40_000, 40_000) and len(heard) == 3


def test_reading_begins_at_the_asked_sequence(nats_url: str) -> None:
    journal = read_journal(nats_url, first_sequence=39_999)
    assert journal["sequence"].to_list() == [39_999, 40_000]


def test_beyond_the_end_there_is_an_empty_frame(nats_url: str) -> None:
    journal = read_journal(nats_url, first_sequence=40_001)
    assert journal.is_empty() and journal.columns == ["sequence", "payload"]


def test_a_server_out_of_reach_is_named() -> None:
    with pytest.raises(JournalUnreadable, match="out of reach"):
        read_journal(f"nats://127.0.0.1:{free_port()}")
