"""What the figures read of a policy: the company's terms, the storefront's where it has its own, never a default."""

import pytest

from audit.interval import SampleRatio
from audit.kpis import compute_figures
from audit.terms import PolicyIncomplete, terms_of
from cart_recovery.v1.policy_pb2 import Policy, StorefrontPolicy
from tests.audit.shop import DAY, POLICY, STOREFRONT
from tests.audit.test_figures import experiment

COMPANY = StorefrontPolicy(currency_code="EUR", holdout_basis_points=500, attribution_window_seconds=DAY)


def test_a_storefront_has_the_terms_of_its_company_but_for_its_own() -> None:
    own = StorefrontPolicy(storefront_id="shop-us", currency_code="USD", holdout_basis_points=0)
    policy = Policy(company=COMPANY, storefronts=[own])
    terms = terms_of(policy, "shop-us")
    assert (terms.currency_code, terms.holdout_share, terms.attribution_window_seconds) == ("USD", 0.0, DAY)
    terms = terms_of(policy, "shop-de")
    assert (terms.currency_code, terms.holdout_share, terms.attribution_window_seconds) == ("EUR", 0.05, DAY)


@pytest.mark.parametrize("name", ["holdout_basis_points", "attribution_window_seconds"])
def test_what_the_policy_does_not_state_is_not_guessed(name: str) -> None:
    company = StorefrontPolicy()
    company.CopyFrom(COMPANY)
    company.ClearField(name)  # type: ignore[arg-type]
    with pytest.raises(PolicyIncomplete, match=name):
        terms_of(Policy(company=company), STOREFRONT)


def test_the_split_is_checked_against_the_share_of_the_storefront() -> None:
    policy = Policy(company=POLICY.company)
    policy.storefronts.add(storefront_id=STOREFRONT, holdout_basis_points=5_000)
    ratio = compute_figures(experiment(180, 20, buyers=0, held_out_buyers=0).journal(), policy).sample_ratio
    assert isinstance(ratio, SampleRatio)
    assert (ratio.expected_held_out, ratio.mismatch) == (100.0, True)
