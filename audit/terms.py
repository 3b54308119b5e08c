"""What the policy says about counting: windows, shares and currency of each storefront."""

from dataclasses import dataclass

from cart_recovery.v1.policy_pb2 import Policy, StorefrontPolicy

_BASIS_POINTS = 10_000
# kpis: the attribution window and the holdout where a policy names none.
_DEFAULT_WINDOW_SECONDS = 72 * 3600
_DEFAULT_HOLDOUT_BASIS_POINTS = 1_000


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
    """The terms that hold for a storefront; the company's for an unknown or empty one."""
    merged = StorefrontPolicy()
    merged.CopyFrom(policy.company)
    for storefront in policy.storefronts:
        if storefront.storefront_id == storefront_id:
            merged.MergeFrom(storefront)
    return Terms(
        currency_code=merged.currency_code,
        attribution_window_seconds=(
            merged.attribution_window_seconds
            if merged.HasField("attribution_window_seconds")
            else _DEFAULT_WINDOW_SECONDS
        ),
        holdout_share=(
            merged.holdout_basis_points if merged.HasField("holdout_basis_points") else _DEFAULT_HOLDOUT_BASIS_POINTS
        )
        / _BASIS_POINTS,
        margin_share=merged.margin_basis_points / _BASIS_POINTS if merged.HasField("margin_basis_points") else None,
        return_share=merged.return_basis_points / _BASIS_POINTS,
    )
