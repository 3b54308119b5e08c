"""What a storefront's policy says about messages, with the company's settings where the storefront sets none."""

from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from urllib.parse import urlsplit

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.policy_pb2 import Policy, StorefrontPolicy


@dataclass(frozen=True, slots=True)
class Storefront:
    """One storefront as a message shows it."""

    storefront_id: str
    brand_name: str
    sender: str
    reply_to: str
    postal_address: str
    time_zone: str
    hosts: frozenset[str]
    home_url: str
    max_touches: int
    touch_gap_seconds: int

    def allows(self, url: str) -> bool:
        """Whether a redirect may lead there: http or https to one of the storefront's own hosts."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not host or "\\" in url or parts.username is not None:
            return False
        return host in self.hosts or (port is not None and f"{host}:{port}" in self.hosts)


def storefront_of(policy: Policy, storefront_id: str) -> Storefront:
    """The storefront's settings; an unknown storefront has the company's."""
    merged = StorefrontPolicy()
    merged.CopyFrom(policy.company)
    own = next((entry for entry in policy.storefronts if entry.storefront_id == storefront_id), None)
    if own is not None:
        if own.hosts:
            # A merge would append: a storefront that names its hosts does not inherit the company's.
            del merged.hosts[:]
        merged.MergeFrom(own)
    return Storefront(
        storefront_id=storefront_id,
        brand_name=merged.brand_name,
        sender=merged.sender,
        reply_to=merged.reply_to,
        postal_address=merged.postal_address,
        time_zone=merged.time_zone,
        hosts=frozenset(host.lower() for host in merged.hosts),
        home_url=merged.home_url,
        max_touches=merged.max_touches,
        touch_gap_seconds=merged.touch_gap_seconds,
    )


def sender_faults(policy: Policy) -> list[str]:
    """Storefronts from whose sender or reply-to no e-mail can be written, each with its remedy; empty for a policy
    without e-mail."""
    if Channel.CHANNEL_EMAIL not in channels_of(policy):
        return []
    faults = []
    for storefront_id in ("", *(entry.storefront_id for entry in policy.storefronts)):
        storefront = storefront_of(policy, storefront_id)
        for field, mailbox in (("sender", storefront.sender), ("reply_to", storefront.reply_to)):
            if (field == "sender" or mailbox) and not _is_mailbox(mailbox):
                whose = f"storefront {storefront_id!r}" if storefront_id else "the company"
                faults.append(
                    f"{field} of {whose} is {mailbox!r}; write it as Name <mailbox@domain>, an odd name in quotes"
                )
    return faults


def _is_mailbox(text: str) -> bool:
    """Whether the text is one mailbox that every mail server can be given: its domain is in ASCII."""
    header = EmailMessage()
    try:
        header["From"] = text
        addresses = header["From"].addresses
    except (ValueError, MessageError):
        return False
    return (
        len(addresses) == 1
        and bool(addresses[0].username and addresses[0].domain)
        and (not header["From"].defects and addresses[0].addr_spec.isascii())
    )


def channels_of(policy: Policy) -> list[Channel.ValueType]:
    """The channels that any action uses, in the order of the contract."""
    used = {action.channel for action in policy.actions}
    return sorted(used - {Channel.CHANNEL_UNSPECIFIED, Channel.CHANNEL_NONE})
