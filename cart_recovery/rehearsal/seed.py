"""The seed of a run on a stepped clock."""

import hashlib


def run_seed(name: str) -> bytes:
    """32 bytes, the source of aliases and draws: a rehearsal and a backtest of the same file share it."""
    return hashlib.sha256(name.encode()).digest()
