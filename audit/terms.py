"""What the policy says about counting: windows, shares and currency of each storefront."""

from dataclasses import dataclass
from typing import Literal

from cart_recovery.v1.policy_pb2 import Policy, StorefrontPolicy

_BASIS_POINTS = 10_000
# The engine decides by these and refuses a policy without them. A default here would be a second opinion.
_STATED: tuple[Literal["attribution_window_seconds"], Literal["holdout_basis_points"]] = (
    "attribution_window_seconds",
    "holdout_basis_points",
)


class PolicyIncomplete(Exception):
    """The policy does not state what the figures count by; the message names the field."""


@dataclass(frozen=True)
class Terms:
    """One storefront's terms, the company's where it sets none of its own."""

    currency_code: str
    attribution_window_seconds: int
    holdout_share: float
    margin_share: float | None
    """Margin as a share of price where a product's cost is unknown; None where the policy names none."""
    return_share: float


def terms_of(policy: Policy, storefront_id: str) -> Terms:
    """The terms that hold for a storefront; the company's for an unknown or empty one. Raises PolicyIncomplete."""
    merged = StorefrontPolicy()
    merged.CopyFrom(policy.company)
    for storefront in policy.storefronts:
        if storefront.storefront_id == storefront_id:
            merged.MergeFrom(storefront)
    for name in _STATED:
        if not merged.HasField(name):
            raise PolicyIncomplete(f"the policy states no {name}")
    return Terms(
        currency_code=merged.currency_code,
        attribution_window_seconds=merged.attribution_window_seconds,
        holdout_share=merged.holdout_basis_points / _BASIS_POINTS,
        margin_share=merged.margin_basis_points / _BASIS_POINTS if merged.HasField("margin_basis_points") else None,
        return_share=merged.return_basis_points / _BASIS_POINTS,
    )
