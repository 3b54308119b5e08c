"""The starter policy and the policies that explore for it."""

from pathlib import Path

import pytest

from cart_recovery.v1.channel_pb2 import Channel
from training.policy import EXPLORED_TOGETHER, PolicyFileRefused, exploring_policies, one_touch, read_policy

STARTER = Path(__file__).resolve().parents[2] / "cart_recovery" / "starter" / "policy.toml"


def test_the_starter_policy_reads_and_is_consistent() -> None:
    policy = read_policy(STARTER)
    offers = {offer.offer_id for offer in policy.offers}
    assert len({action.action_id for action in policy.actions}) == len(policy.actions) == 12
    assert {action.offer_id for action in policy.actions} == offers | {""}
    assert {action.channel for action in policy.actions} == {Channel.CHANNEL_EMAIL}
    assert policy.company.holdout_basis_points == 1000
    assert policy.exploration.shortlist_size == 4 and policy.exploration.probability_floor == 0.05
    assert policy.company.postal_address and policy.company.hosts


def test_exploring_policies_together_try_every_action_once() -> None:
    policy = read_policy(STARTER)
    exploring = exploring_policies(policy)
    tried = [action.action_id for one in exploring for action in one.actions]
    assert sorted(tried) == sorted(action.action_id for action in policy.actions)
    for one in exploring:
        assert len(one.actions) <= EXPLORED_TOGETHER
        assert one.exploration.shortlist_size == len(one.actions) + 1 <= 8
        assert one.exploration.gap_weight == 0 and one.company.max_touches == 1


def test_an_evaluated_policy_has_one_touch_and_no_storefront_of_its_own() -> None:
    policy = read_policy(STARTER)
    single = one_touch(policy)
    assert single.company.max_touches == 1
    single.company.max_touches = policy.company.max_touches
    assert policy.storefronts and not single.storefronts
    single.storefronts.extend(policy.storefronts)
    assert single == policy


@pytest.mark.parametrize("text", ["version = ", 'vershun = "1"', 'actions = [{ channel = "CARRIER_PIGEON" }]'])
def test_a_wrong_policy_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(PolicyFileRefused, match=r"policy\.toml"):
        read_policy(path)
