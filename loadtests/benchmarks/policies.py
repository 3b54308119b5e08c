"""A policy file with so many candidate actions, made from the starter policy."""

import json
import tomllib
from pathlib import Path
from typing import Any

_HOUR = 3600


def write_policy(starter: Path, target: Path, actions: int) -> None:
    """Writes the starter policy with `actions` candidates, "none" among them: its own actions, then later copies.
    Nobody is held out, so that the models are asked about every candidate of every decision."""
    policy = tomllib.loads(starter.read_text())
    policy["company"]["holdout_basis_points"] = 0
    own = policy["actions"]
    policy["actions"] = [
        own[number % len(own)]
        | {
            "action_id": f"action_{number}",
            "delay_seconds": own[number % len(own)].get("delay_seconds", 0) + _HOUR * (number // len(own)),
        }
        for number in range(actions - 1)
    ]
    target.write_text("".join(f"{key} = {_inline(value)}\n" for key, value in policy.items()))


def _inline(value: Any) -> str:
    """A TOML value on one line; strings, numbers and booleans are written as in JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
