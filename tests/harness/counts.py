"""How often a fault test strikes: few times in the ordinary checks, as often as the environment asks for acceptance."""

import os


def count_from(variable: str, default: int) -> int:
    """The number in an environment variable such as CARTREC_TEST_KILLS, or the default."""
    return int(os.environ.get(variable, default))


KILLS = count_from("CARTREC_TEST_KILLS", 3)
"""Kills of each process."""

RACES = count_from("CARTREC_TEST_RACES", 16)
"""Orders and opt-outs that race against a due send."""

AWAY_SECONDS = count_from("CARTREC_TEST_AWAY_SECONDS", 5)
"""How long NATS is away under load."""

SEED = count_from("CARTREC_TEST_FAULT_SEED", 20_250_117)
"""Seed of every random moment."""
