"""The engine's own programs under `rust_features/core/examples`, which print one figure a line: name and value."""

import subprocess

from cart_recovery.die_with_parent import mortal
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.servers import built


class Example:
    """One of them, built from its source."""

    def __init__(self, name: str, profile: str) -> None:
        """With a profile of Cargo's: figures of any but "release" are of no use. Raises NotServing where it cannot be
        built."""
        self._name = name
        self._program = built("--example", name, profile=profile)

    def figures(self, *arguments: object) -> dict[str, str]:
        """What a fresh process prints. Raises Unmeasured where it fails."""
        command = mortal([self._program, *map(str, arguments)])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Unmeasured(f"{self._name} ended with exit code {done.returncode}; its message stands above")
        return dict(line.split(" ", 1) for line in done.stdout.splitlines())
