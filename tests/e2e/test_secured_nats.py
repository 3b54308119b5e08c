"""A NATS server that asks for TLS and credentials: relay, feed and readers get in with them, and say why without."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cart_recovery.addresses import free_address
from cart_recovery.nats_server import find_binary
from tests.harness.children import child_environment
from tests.harness.nats_accounts import accounts
from tests.harness.waiting import eventually
from tests.pyserver.conformance.certificates import Authority, loopback

SCRIPT = """
import json, sys, tempfile, time
from loadtests.benchmarks.throwaway_keys import throwaway_keys
from loadtests.shoppers import consent_request
from rust_features import Engine, JournalFailed, read_journal
url, credentials = sys.argv[1], sys.argv[2] or None
with tempfile.TemporaryDirectory() as directory:
    engine = Engine(data_directory=directory, keys=throwaway_keys(), clock="events")
    engine.start(nats_url=url, nats_credentials=credentials)
    engine.track(consent_request(1, "one").SerializeToString())
    flushed, status = engine.stop(timeout_seconds=float(sys.argv[3])), engine.status()
try:
    read = read_journal(nats_url=url, nats_credentials=credentials)
except JournalFailed as error:
    read = str(error)
print(json.dumps({"flushed": flushed, "read": read, "error": status.failure or status.last_error}))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    authority, trusted = Authority(), accounts()
    signed = authority.sign("nats", *loopback())
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    (tmp_path / "nats.pem").write_bytes(signed.certificate)
    (tmp_path / "nats.key").write_bytes(signed.key)
    (tmp_path / "scorer.creds").write_text(trusted.credentials)
    address = free_address()
    (tmp_path / "nats.conf").write_text(
        f'listen: "{address}"\njetstream {{ store_dir: "{tmp_path}/store" }}\n{trusted.configuration}'
        f'tls {{ cert_file: "{tmp_path}/nats.pem", key_file: "{tmp_path}/nats.key" }}\n'
        f'log_file: "{tmp_path}/nats.log"\n'
    )
    log = tmp_path / "nats.log"
    process = subprocess.Popen([find_binary(), "--config", str(tmp_path / "nats.conf")])
    try:
        eventually(lambda: log.exists() and "Server is ready" in log.read_text(), within=30, what="the server")
        yield f"tls://localhost:{address.rsplit(':', 1)[1]}"
    finally:
        process.terminate()
        process.wait(10)


def outcome(folder: Path, url: str, credentials: str, *, seconds: float) -> dict[str, object]:
    command = [sys.executable, "-c", SCRIPT, url, credentials, str(seconds)]
    environment = child_environment({"SSL_CERT_FILE": str(folder / "ca.pem")})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_credentials_let_every_connection_in(tmp_path: Path, server: str) -> None:
    found = outcome(tmp_path, server, str(tmp_path / "scorer.creds"), seconds=20)
    assert found == {"flushed": True, "read": 1, "error": None}


def test_who_shows_nothing_stays_outside(tmp_path: Path, server: str) -> None:
    found = outcome(tmp_path, server, "", seconds=1)
    assert found["flushed"] is False
    assert "uthorization" in str(found["error"])
    assert "uthorization" in str(found["read"])
