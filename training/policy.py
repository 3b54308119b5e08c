"""Reads a policy file and derives the policies that a simulated shop explores with."""

import tomllib
from pathlib import Path

from google.protobuf import json_format

from cart_recovery.v1.policy_pb2 import Policy

EXPLORED_TOGETHER = 7
"""Actions that one exploring policy weighs, so that with `none` all of them fit on a shortlist of 8."""


class PolicyFileRefused(Exception):
    """The file cannot be read, is not TOML, or not a Policy."""


def read_policy(path: Path) -> Policy:
    """Reads a TOML file whose keys are the field names of Policy. Raises PolicyFileRefused."""
    try:
        return json_format.ParseDict(tomllib.loads(path.read_text(encoding="utf-8")), Policy())
    except OSError as error:
        raise PolicyFileRefused(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, json_format.ParseError) as error:
        raise PolicyFileRefused(f"{path.name}: {error}") from error


def exploring_policies(policy: Policy) -> list[Policy]:
    """Copies of a policy that together try every action: each has a few of them, weighed alike, and one touch.

    Offer and frequency caps are lifted, since they would tie what is tried to what was tried before.
    """
    count = -(-len(policy.actions) // EXPLORED_TOGETHER)
    return [_exploring(policy, part, count) for part in range(count)]


def one_touch(policy: Policy) -> Policy:
    """The policy with a single touch, as it is evaluated: the truth is exact for a first contact. The simulated shop is
    a storefront without settings of its own."""
    single = Policy()
    single.CopyFrom(policy)
    del single.storefronts[:]
    single.company.max_touches = 1
    return single


def _exploring(policy: Policy, part: int, count: int) -> Policy:
    exploring = one_touch(policy)
    del exploring.actions[:]
    exploring.actions.extend(policy.actions[part::count])
    del exploring.frequency_caps[:]
    for offer in exploring.offers:
        offer.customer_cap = 0
        offer.customer_cap_window_seconds = 0
    shortlist = len(exploring.actions) + 1
    exploring.exploration.shortlist_size = max(2, shortlist)
    exploring.exploration.probability_floor = min(0.05, 1.0 / (2 * shortlist))
    exploring.exploration.gap_weight = 0.0
    exploring.version = f"{policy.version}-exploring-{part + 1}"
    return exploring
