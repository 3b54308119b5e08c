"""Where the public data for evaluation lies; it is never part of the project."""

import os
from pathlib import Path

import pytest

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def evaluation_file(name: str) -> Path:
    """A file of the evaluation data; skips the test with the reason where it is missing."""
    folder = Path(os.environ.get("EVALUATION_DATA", str(_BESIDE_THE_REPOSITORY)))
    path = folder / name
    if not path.is_file():
        pytest.skip(f"{path} is missing; set EVALUATION_DATA to the folder with the evaluation data")
    return path
