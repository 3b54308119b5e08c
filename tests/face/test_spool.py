"""The command that tells what lies in a spool folder."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from cart_recovery.cli import main
from cart_recovery.exits import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL
from cart_recovery.keys import ensure_keys, scorer_keys
from cart_recovery.v1.event_pb2 import Event, TrackRequest
from rust_features import Engine, Keys


def viewed(number: int) -> bytes:
    event = Event(event_id=f"event-{number}", storefront_id="shop")
    event.event_time.GetCurrentTime()
    event.identity.customer_id = "ada-who-is-secret"
    event.product_viewed.product.product_id = "boots"
    return TrackRequest(event=event).SerializeToString()


@pytest.fixture(params=["process", "disk"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An engine without a journal, with three events in its spool."""
    ensure_keys(tmp_path / "keys")
    engine = Engine(
        data_directory=str(tmp_path), keys=Keys(**asdict(scorer_keys(tmp_path / "keys"))), durability=request.param
    )
    for number in range(3):
        engine.track(viewed(number))
    return engine


@pytest.mark.usefixtures("engine")
def test_a_spool_in_use_is_told_without_anything_personal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spool", "--json", "--data", str(tmp_path)]) == EXIT_DONE
    printed = capsys.readouterr().out
    [spool] = json.loads(printed)
    assert (spool["condition"], spool["kinds"]) == ("sound", {"product_viewed": 3})
    assert spool["oldest_received"] <= spool["newest_received"]
    assert sum(segment["frames"] for segment in spool["segments"]) == 3
    assert "secret" not in printed
    assert main(["spool", str(tmp_path / "spool")]) == EXIT_DONE
    assert "3 messages" in capsys.readouterr().out


@pytest.mark.usefixtures("engine")
def test_torn_tail_and_damage_have_codes_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [segment] = tmp_path.glob("spool/*/*.seg")
    main(["spool", "--json", "--data", str(tmp_path)])
    [spool] = json.loads(capsys.readouterr().out)
    length = spool["segments"][0]["bytes"]
    with segment.open("r+b") as file:
        file.seek(length)
        file.write(b"half a frame")
    assert main(["spool", "--data", str(tmp_path)]) == EXIT_PARTIAL
    assert f"{segment} ends soundly at byte {length}" in capsys.readouterr().out
    with segment.open("r+b") as file:
        file.seek(30)
        file.write(b"\xff")
    assert main(["spool", "--data", str(tmp_path)]) == EXIT_FAILED
    assert f"{segment} at byte 0" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spool", str(tmp_path / "nothing")]) == EXIT_FAILED
    assert f"{tmp_path / 'nothing'}" in capsys.readouterr().err
