"""How long a start takes that finds a snapshot, and what so many idle customers take in memory and on disk."""

import tempfile
from collections.abc import Callable

from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured, without_peers
from loadtests.benchmarks.example import Example

SIDE, LOADED = "engine", "snapshot loaded"
_GOAL_SECONDS = 10.0


def measure(customers: int, *, rounds: int, profile: str, progress: Callable[[str], None]) -> Comparison:
    """Writes one snapshot, and loads it in a fresh process in every round. Raises NotServing or Unmeasured."""
    example = Example("snapshot_scale", profile)
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{customers:,} customers come in")
        written = example.figures(folder, customers)
        seconds = []
        for number in range(1, rounds + 1):
            loaded = example.figures(folder)
            if loaded["digest"] != written["digest"]:
                raise Unmeasured("the state that was loaded has another digest than the one that was written")
            seconds.append(float(loaded["loaded_seconds"]))
            progress(f"round {number} of {rounds}: loaded in {seconds[-1]:.2f} s")
    figures = [
        Figure(SIDE, LOADED, "s", tuple(seconds)),
        Figure(SIDE, "fold held up while it is begun", "ms", (float(written["frozen_seconds"]) * 1_000,)),
        Figure(SIDE, "snapshot written", "s", (float(written["written_seconds"]),)),
        Figure(SIDE, "size of the snapshot", "MiB", (int(written["snapshot_bytes"]) / (1 << 20),)),
        Figure(SIDE, "memory per customer", "B", (float(written["bytes_per_customer"]),)),
    ]
    return without_peers(
        name="restart",
        title="Restart from a snapshot",
        setting=(
            f"{customers:,} customers, each known by an id and an e-mail address (two linked records), who came once, "
            "bought and went; the directory of tokens and aliases is in memory and snapshot, too. The snapshot is "
            "loaded by fresh processes, its file still in the kernel's cache; every time the state has the digest of "
            "the one that was written."
        ),
        figures=figures,
        goals=(Goal(LOADED, SIDE, "", _GOAL_SECONDS),),
    )
