"""Clients not written here: grpcurl and ghz, in Go over reflection, as somebody meets a scorer for the first time."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf import json_format

from pyserver.process import Scorer
from pyserver.reflection import EVENT_SERVICE, SERVICES
from tests.pyserver.conftest import added

MODULES = {
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3",
    "ghz": "github.com/bojand/ghz/cmd/ghz@v0.120.0",
}
BUILD_SECONDS = 540

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def tool(name: str, config: pytest.Config) -> str:
    """Where the program is; built once, where it is not installed and can be built."""
    directory = Path(config.cache.mkdir("go"))
    found = shutil.which(name) or shutil.which(name, path=directory)
    if found is not None:
        return found
    go = shutil.which("go")
    if go is None:
        pytest.skip(f"{name} is not installed, and there is no Go to build it with")
    built = subprocess.run(
        [go, "install", MODULES[name]],
        env=os.environ | {"GOBIN": str(directory)},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if built.returncode != 0:
        pytest.skip(f"{name} cannot be built: {built.stderr[-300:]}")
    return str(directory / name)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_grpcurl_lists_describes_and_calls(lonely: Scorer, pytestconfig: pytest.Config) -> None:
    grpcurl, address = tool("grpcurl", pytestconfig), f"127.0.0.1:{lonely.front.port}"
    listed = run(grpcurl, "-plaintext", address, "list")
    assert set(listed.stdout.split()) == set(SERVICES), listed.stderr
    described = run(grpcurl, "-plaintext", address, "describe", EVENT_SERVICE)
    assert "rpc Track ( .cart_recovery.v1.TrackRequest ) returns ( .cart_recovery.v1.TrackResponse );" in (
        described.stdout
    ), described.stderr
    method = f"{EVENT_SERVICE}/Track"
    tracked = run(grpcurl, "-plaintext", "-d", json_format.MessageToJson(added("one")), address, method)
    assert tracked.returncode == 0, tracked.stderr
    wrong = added("two")
    wrong.event.product_added.currency_code = "XXQ"
    refused = run(grpcurl, "-plaintext", "-d", json_format.MessageToJson(wrong), address, method)
    assert "Code: InvalidArgument" in refused.stderr
    assert "REASON_CURRENCY_UNKNOWN" in refused.stderr and '"domain": "cart_recovery"' in refused.stderr
    healthy = run(
        grpcurl, "-plaintext", "-d", json.dumps({"service": EVENT_SERVICE}), address, "grpc.health.v1.Health/Check"
    )
    assert '"SERVING"' in healthy.stdout, healthy.stderr


def test_ghz_gets_an_answer_to_every_call(lonely: Scorer, pytestconfig: pytest.Config) -> None:
    calls, callers = 2_000, 20
    command = [tool("ghz", pytestconfig), "--insecure", "--format", "json", "--call", f"{EVENT_SERVICE}.Track"]
    command += ["--total", str(calls), "--concurrency", str(callers), "--data", json_format.MessageToJson(added("one"))]
    ended = run(*command, f"127.0.0.1:{lonely.front.port}")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["statusCodeDistribution"] == {"OK": calls}
