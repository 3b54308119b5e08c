"""How often every target was fuzzed with coverage, and what crashed: `rust_features/fuzz/run.py`, read."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cart_recovery.die_with_parent import mortal
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured, without_peers

EXECUTIONS, CRASHES = "executions", "crashes"
_FUZZ = Path(__file__).parents[2] / "rust_features" / "fuzz"
_LINE = re.compile(
    r"(?P<target>\w+) +(?P<executions>\d+) executions +\d+ s +(?P<edges>\d+) edges +\d+ inputs"
    r" +(?P<crashes>\d+) crashes"
)


def measure(executions: int, *, progress: Callable[[str], None]) -> Comparison:
    """Of each target. Raises Unmeasured where it cannot be built or run."""
    command = mortal([sys.executable, str(_FUZZ / "run.py"), "--executions", str(executions)])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise Unmeasured("the campaign has no pipe")
        lines = []
        for line in process.stdout:
            progress(line.rstrip())
            lines.append(line)
    return comparison(lines, {folder.name for folder in (_FUZZ / "corpus").glob("*")})


def comparison(lines: list[str], targets: set[str]) -> Comparison:
    """From what the campaigns print. Raises Unmeasured where one of the targets is not among it."""
    found = [match.groupdict() for match in map(_LINE.match, lines) if match]
    if silent := targets - {each["target"] for each in found}:
        raise Unmeasured(f"{', '.join(sorted(silent))} could not be run, or died; the reason stands above")
    if not found:
        raise Unmeasured("no target was found, which needs the source tree")
    return without_peers(
        name="fuzz",
        title="Fuzzing with coverage",
        setting=(
            "Whatever reads bytes from outside, each target by itself, with overflow checks and the engine's own "
            "assertions on. A crash is a panic at a place of its own; an edge counts when an input took it."
        ),
        figures=[
            Figure(each["target"], name, "", (float(each[name]),))
            for name in (EXECUTIONS, CRASHES, "edges")
            for each in found
        ],
        goals=[Goal(CRASHES, each["target"], "", 0) for each in found],
    )
