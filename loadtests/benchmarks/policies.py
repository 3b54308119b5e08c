"""A policy with so many candidate actions, made from the starter policy."""

import tomllib
from pathlib import Path

from google.protobuf.json_format import ParseDict

from cart_recovery.v1.channel_pb2 import CHANNEL_EMAIL
from cart_recovery.v1.policy_pb2 import Policy

_HOUR = 3600


def policy_of(starter: Path, actions: int) -> Policy:
    """The starter policy with `actions` candidates, "none" among them: e-mails that differ in delay and offer."""
    policy = ParseDict(tomllib.loads(starter.read_text()), Policy())
    template = next(action for action in policy.actions if action.channel == CHANNEL_EMAIL)
    offers = ["", *(offer.offer_id for offer in policy.offers)]
    template_key = template.template_key
    del policy.actions[:]
    for number in range(actions - 1):
        offer_id = offers[number % len(offers)]
        policy.actions.add(
            action_id=f"email_{number}",
            channel=CHANNEL_EMAIL,
            offer_id=offer_id,
            delay_seconds=_HOUR * (1 + number // len(offers)),
            template_key=template_key,
        )
    return policy
