"""How many SIGKILLs under load were survived: `tests/faults/test_kills.py`, run and read."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from cart_recovery.die_with_parent import mortal
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured, without_peers

SURVIVED, LOST, TWICE = "kills survived", "lost", "twice"
_ROOT = Path(__file__).parents[2]
_TESTS = Path("tests") / "faults" / "test_kills.py"
_AT_ONCE = 2
"""Tests; each has processes of its own."""


def measure(kills: int, *, progress: Callable[[str], None]) -> Comparison:
    """So many in each of the tests. Raises Unmeasured where they cannot be run."""
    progress(f"{kills:,} kills in each test")
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        # The family of JUnit files whose tests have properties.
        options = ["-o", "junit_family=xunit1", f"--junitxml={results}", "--numprocesses", str(_AT_ONCE)]
        command = mortal([sys.executable, "-m", "pytest", str(_TESTS), *options])
        environment = os.environ | {"CARTREC_TEST_KILLS": str(kills)}
        subprocess.run(command, cwd=_ROOT, env=environment, stdout=sys.stderr.fileno(), check=False)
        if not results.exists():
            raise Unmeasured("the tests could not be run, which needs the source tree; the reason stands above")
        return comparison(results.read_text(encoding="utf-8"), kills)


def comparison(results: str, kills: int) -> Comparison:
    """From the tests' results as JUnit writes them. A test that failed has survived no kill. Raises Unmeasured where
    one was not run to its end."""
    sides, figures = [], []
    # Our own tests wrote it.
    for case in ElementTree.fromstring(results).iter("testcase"):  # noqa: S314
        if case.find("error") is not None or case.find("skipped") is not None:
            raise Unmeasured(f"{case.get('name')} could not be run; the reason stands above")
        recorded = {one.get("name", ""): float(one.get("value", "")) for one in case.iter("property")}
        passed = case.find("failure") is None
        sides.append(case.get("name", "").removeprefix("test_").replace("_", " "))
        values = {SURVIVED: float(kills if passed else 0)} | recorded
        figures += [Figure(sides[-1], name, "", (value,)) for name, value in values.items()]
    if not sides:
        raise Unmeasured("no test was run; the reason stands above")
    return without_peers(
        name="kills",
        title="SIGKILL under load",
        setting=(
            "Real processes on a real nats-server and mail server are killed at random moments while callers track and "
            "ask. A kill is survived if, when all has come to rest, each accepted event and answered decision is in "
            "the journal once, no frame of a spool twice, no e-mail left twice, and the state from the snapshots has "
            "the digest of a replay from the first message. The scorer, whose spool, relay, feed and snapshots it "
            "meets, is killed in all tests but that of dispatchers; everything at once is scorer, dispatcher and "
            "nats-server."
        ),
        figures=figures,
        goals=[
            *(Goal(SURVIVED, side, "", kills, at_least=True) for side in sides),
            *(Goal(name, side, "", 0) for name in (LOST, TWICE) for side in sides),
        ],
    )
