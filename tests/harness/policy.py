"""The policy of the tests: seconds where a shop has hours, no quiet hours, nobody held out."""

from google.protobuf import json_format

from cart_recovery.v1.policy_pb2 import Policy

STOREFRONT = "store-1"
HOST = "shop.example"
SENDER_DOMAIN = "shop.example"

_POLICY = {
    "version": "test-1",
    "company": {
        "brand_name": "Specimen Shop",
        "sender": f"Specimen Shop <carts@{SENDER_DOMAIN}>",
        "reply_to": f"service@{SENDER_DOMAIN}",
        "postal_address": "Specimen Shop, 1 Market Square, 12345 Sampleton",
        "currency_code": "EUR",
        "time_zone": "Europe/Berlin",
        "hosts": [HOST],
        "home_url": f"https://{HOST}",
        "abandonment_seconds": 1,
        "stale_after_seconds": 600,
        "attribution_window_seconds": 3600,
        "holdout_basis_points": 0,
        "max_touches": 1,
        "touch_gap_seconds": 1,
        "latest_touch_seconds": 3600,
        "margin_basis_points": 5000,
        "return_basis_points": 500,
        "channel_costs": [{"channel": "CHANNEL_EMAIL", "cost_micros_minor": 100_000}],
    },
    "offers": [
        {
            "offer_id": "percent_10",
            "percent_basis_points": 1000,
            "label": "10 % off",
            "derived_code_prefix": "TEN",
            "valid_seconds": 3600,
        }
    ],
    "exploration": {"shortlist_size": 1},
    "actions": [
        {
            "action_id": "email_reminder",
            "channel": "CHANNEL_EMAIL",
            "delay_seconds": 1,
            "template_key": "reminder",
        },
    ],
}


def quick_policy(*, delay_seconds: int = 1, abandonment_seconds: int = 1) -> Policy:
    """One action, an e-mail without an offer; a cart is abandoned after `abandonment_seconds`."""
    policy = json_format.ParseDict(_POLICY, Policy())
    policy.company.abandonment_seconds = abandonment_seconds
    policy.actions[0].delay_seconds = delay_seconds
    return policy


def exploring_policy() -> Policy:
    """Four actions that are all tried, two touches, some shoppers held out."""
    policy = quick_policy()
    policy.version = "test-exploring-1"
    policy.company.holdout_basis_points = 2000
    policy.company.max_touches = 2
    for name, offer_id, delay_seconds in (
        ("offer", "percent_10", 1),
        ("later", "", 2),
        ("offer_later", "percent_10", 2),
    ):
        action = policy.actions.add()
        action.CopyFrom(policy.actions[0])
        action.action_id = f"email_{name}"
        action.offer_id = offer_id
        action.delay_seconds = delay_seconds
        action.template_key = "offer" if offer_id else "reminder"
    policy.exploration.shortlist_size = 4
    policy.exploration.probability_floor = 0.1
    policy.exploration.gap_weight = 0.01
    return policy
