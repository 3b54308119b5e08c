"""A disk that fills, and one that becomes read-only, under load: what callers of both fronts are told, and that nothing
they were answered is lost. A real disk, in a mount namespace of the scorer's own."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from tests.harness.children import Child
from tests.harness.client import Refusal
from tests.harness.deployment import Deployment, deployed
from tests.harness.load import Load, assert_exactly_once
from tests.harness.shop import Shop
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

SPOOL_BYTES = 1 << 20
SMALL_DISK = """mount -t tmpfs -o size=2m none "$0" && exec "$@\""""

FILL = 'cat /dev/zero >> "$0/ballast"'
MAKE_ROOM = 'rm "$0/ballast"'
# The kernel makes no disk read-only while a file is open for writing, but another mount of it over the first: the file
# takes what it has room for, and no other comes to be or goes.
FORBID = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
ALLOW = 'mount -o remount,bind,rw "$0"'


def program(name: str) -> str:
    """Where a program is that the test cannot do without."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"this machine has no {name}")
    return found


class SpoolDisk:
    """The small disk that a scorer's spool lies on, which is only there for that scorer."""

    def __init__(self, deployment: Deployment) -> None:
        """Skips where this machine gives a user no mount namespace."""
        self._folder = deployment.data_directory / "spool"
        self._folder.mkdir()
        mounting = [program("unshare"), "-rm", program("sh"), "-c", SMALL_DISK, str(self._folder)]
        tried = subprocess.run([*mounting, "true"], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            pytest.skip(f"this machine gives a user no mount namespace: {tried.stderr}")
        self._scorer = deployment.scorer = Child(
            ["serve"], environment=deployment.environment, directory=deployment.directory, within=mounting
        )

    def run(self, script: str) -> bool:
        """Runs a script where the disk is; whether it succeeded."""
        entering = [program("nsenter"), "--preserve-credentials", "-U", "-m", "-t", str(self._scorer.pid)]
        command = [*entering, "sh", "-c", script, str(self._folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("front", "durability"), [("grpcio", "process"), ("native", "disk")])
def test_what_a_full_or_read_only_disk_does_not_take_is_refused_until_it_does(
    tmp_path: Path, front: str, durability: str
) -> None:
    with deployed(tmp_path, front=front, durability=durability, spool_limit_bytes=str(SPOOL_BYTES)) as deployment:
        disk = SpoolDisk(deployment)
        deployment.start_scorer()
        deployment.wait_until_deciding()
        load = Load(deployment, pause_seconds=0)
        load.start()
        try:
            load.wait_for_accepted(100, within=30)
            # Segments that the relay has emptied make room again: the disk is filled until callers have noticed.
            meets_refusals(load, disturb=lambda: disk.run(FILL))
            assert disk.run(MAKE_ROOM)
            is_used_again(deployment, load)
            assert disk.run(FORBID)
            meets_refusals(load)
            assert disk.run(ALLOW)
            is_used_again(deployment, load)
        finally:
            load.stop()
        deployment.wait_until_published()
        assert_exactly_once(deployment, load, deployment.journal())
        assert {described(failure) for failure in load.failures} == {
            (grpc.StatusCode.RESOURCE_EXHAUSTED, "REASON_DISK_WRITE_FAILED", True)
        }
        refused = {deployment.token("event", event_id) for event_id in load.unanswered}
        assert not refused & {entry.event.event_id for entry in deployment.journal()}


def described(failure: Refusal) -> tuple[grpc.StatusCode, str, bool]:
    """Code, reason, and whether it says when to come back."""
    return failure.code, failure.reason, failure.retry_after is not None


def meets_refusals(load: Load, *, disturb: Callable[[], object] = lambda: None) -> None:
    """Waits until a few calls were refused."""
    goal = len(load.failures) + 5

    def met() -> bool:
        disturb()
        return len(load.failures) >= goal

    eventually(met, within=20, what="calls are refused")


def is_used_again(deployment: Deployment, load: Load) -> None:
    """The very next call is accepted, and those of the load are."""
    shop = Shop(seed=91)
    with deployment.client() as client:
        client.track(shop.viewed(shop.shopper()))
    load.wait_for_accepted(50, within=20)
