"""Clients not written here: buf and ghz, in Go over reflection, as somebody meets a scorer for the first time."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import ErrorInfo

from pyserver.process import Scorer
from pyserver.reflection import EVENT_SERVICE, SCORING_SERVICE, SERVICES
from tests.harness.shop import Shop
from tests.pyserver.conftest import added

BUF = str(Path(sys.executable).with_name("buf"))
GHZ = "github.com/bojand/ghz/cmd/ghz@v0.120.0"
BUILD_SECONDS = 540

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def ghz(config: pytest.Config) -> str:
    """Where the program is; built once, where it is not installed and can be built."""
    directory = Path(config.cache.mkdir("go"))
    found = shutil.which("ghz") or shutil.which("ghz", path=directory)
    if found is not None:
        return found
    go = shutil.which("go")
    if go is None:
        pytest.skip("ghz is not installed, and there is no Go to build it with")
    built = subprocess.run(
        [go, "install", GHZ],
        env=os.environ | {"GOBIN": str(directory)},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if built.returncode != 0:
        pytest.skip(f"ghz cannot be built: {built.stderr[-300:]}")
    return str(directory / "ghz")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def buf_curl(scorer: Scorer, method: str, *options: str) -> subprocess.CompletedProcess[str]:
    address = f"http://127.0.0.1:{scorer.front.port}/{method}"
    return run(BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *options, address)


def test_buf_lists_and_calls(lonely: Scorer) -> None:
    listed = buf_curl(lonely, "", "--list-services")
    assert set(listed.stdout.split()) == set(SERVICES), listed.stderr
    method = f"{EVENT_SERVICE}/Track"
    methods = buf_curl(lonely, "", "--list-methods")
    assert method in methods.stdout.split(), methods.stderr
    tracked = buf_curl(lonely, method, "--data", json_format.MessageToJson(added("one")))
    assert tracked.returncode == 0, tracked.stderr
    wrong = added("two")
    wrong.event.product_added.currency_code = "XXQ"
    refused = buf_curl(lonely, method, "--data", json_format.MessageToJson(wrong))
    error = json.loads(refused.stderr)
    assert error["code"] == "invalid_argument"
    detail = next(detail["value"] for detail in error["details"] if detail["type"] == ErrorInfo.DESCRIPTOR.full_name)
    info = ErrorInfo.FromString(base64.b64decode(f"{detail}=="))
    assert (info.reason, info.domain) == ("REASON_CURRENCY_UNKNOWN", "cart_recovery")
    healthy = buf_curl(lonely, "grpc.health.v1.Health/Check", "--data", json.dumps({"service": EVENT_SERVICE}))
    assert '"SERVING"' in healthy.stdout, healthy.stderr


def asked() -> str:
    shop = Shop()
    return json_format.MessageToJson(shop.score(shop.shopper()))


def test_buf_asks_for_a_decision_and_asks_again(deciding: Scorer) -> None:
    question = asked()
    first, again = (buf_curl(deciding, f"{SCORING_SERVICE}/Score", "--data", question) for _ in range(2))
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    answer = json.loads(first.stdout)
    assert answer["decisionId"] and len(answer["candidates"]) > 1
    assert json.loads(again.stdout) == answer | {"repeatedAnswer": True}


def test_ghz_gets_an_answer_to_every_call(deciding: Scorer, pytestconfig: pytest.Config) -> None:
    calls, callers = 2_000, 20
    questions = {
        f"{EVENT_SERVICE}.Track": json_format.MessageToJson(added("one")),
        f"{SCORING_SERVICE}.Score": asked(),
    }
    for method, question in questions.items():
        command = [ghz(pytestconfig), "--insecure", "--format", "json", "--call", method]
        command += ["--total", str(calls), "--concurrency", str(callers), "--data", question]
        ended = run(*command, f"127.0.0.1:{deciding.front.port}")
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["statusCodeDistribution"] == {"OK": calls}
