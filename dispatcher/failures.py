"""Provider failures, classified once. The tables are data: which failure is transient, permanent or unknown depends
only on how far the call had got and on what the provider answered."""

import re
from dataclasses import dataclass
from enum import Enum, IntEnum

from dispatcher.recipient import Recipient

BACKOFF_SECONDS = (60, 300, 900, 3_600, 7_200, 14_400)
"""Wait before attempt 2, 3, …; after the last the touch has failed."""


class FailureKind(Enum):
    """What a failure means for the touch."""

    TRANSIENT = "transient"
    """Known not to have left; may be tried again."""
    PERMANENT = "permanent"
    """Known not to have left; trying again is no use."""
    UNKNOWN = "unknown"
    """It may have left; never sent again."""


class SmtpStage(IntEnum):
    """How far an SMTP transaction had got when it failed."""

    SESSION = 0
    """Connecting, greeting, TLS, login."""
    SENDER = 1
    RECIPIENT = 2
    CONTENT = 3
    """From the DATA command to the reply to the final dot."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How failures of one stage are classified: by the reply's class, or without any reply."""

    transient_reply: FailureKind
    permanent_reply: FailureKind
    no_reply: FailureKind
    address_at_fault: bool = False
    """A permanent reply speaks about the recipient's address."""


SMTP_RULES = {
    # A refused login or greeting is the deployment's fault, not the recipient's: it can be put right.
    SmtpStage.SESSION: Rule(FailureKind.TRANSIENT, FailureKind.TRANSIENT, FailureKind.TRANSIENT),
    SmtpStage.SENDER: Rule(FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.TRANSIENT),
    SmtpStage.RECIPIENT: Rule(
        FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.TRANSIENT, address_at_fault=True
    ),
    # Silence or a lost connection once content flows leaves open whether the server has taken it.
    SmtpStage.CONTENT: Rule(FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.UNKNOWN),
}

ENHANCED_STATUS = re.compile(r"^5\.(\d{1,3})\.\d{1,3}\b")
ADDRESS_SUBJECTS = frozenset({"1", "2"})
"""Subjects of RFC 3463 enhanced status codes that speak of the address or its mailbox; others speak of policy, routes
or the server."""

ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")
HIDDEN = "<address>"
DIAGNOSTIC_LENGTH = 500


class ProviderFailure(Exception):
    """A provider did not take a message."""

    def __init__(
        self,
        kind: FailureKind,
        diagnostic: str,
        *,
        address_at_fault: bool = False,
        retry_after_seconds: float = 0.0,
    ) -> None:
        """`diagnostic`: the provider's words; addresses are taken out, since outcomes are journalled."""
        self.kind = kind
        self.diagnostic = without_addresses(diagnostic)
        self.address_at_fault = address_at_fault and kind is FailureKind.PERMANENT
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.diagnostic)


def smtp_failure(stage: SmtpStage, code: int | None, words: str, recipient: Recipient) -> ProviderFailure:
    """Classifies a failed SMTP transaction; `code` is None where the server gave no reply."""
    rule = SMTP_RULES[stage]
    told = without_recipient(words, recipient)
    if code is None or not 400 <= code < 600:
        return ProviderFailure(rule.no_reply, told)
    if code < 500:
        return ProviderFailure(rule.transient_reply, f"{code} {told}")
    enhanced = ENHANCED_STATUS.match(words)
    about_address = enhanced is None or enhanced[1] in ADDRESS_SUBJECTS
    at_fault = rule.address_at_fault and about_address
    return ProviderFailure(rule.permanent_reply, f"{code} {told}", address_at_fault=at_fault)


def without_recipient(words: str, recipient: Recipient) -> str:
    """The same words without the person's address and name: servers quote the mailbox also without its domain."""
    mailbox = recipient.address.rpartition("@")[0]
    own = [word for word in (recipient.address, mailbox, *recipient.name.split()) if len(word) > 1]
    return re.sub(rf"<?(?<!\w)(?:{'|'.join(map(re.escape, own))})(?!\w)>?", HIDDEN, words, flags=re.IGNORECASE)


def without_addresses(words: str) -> str:
    """The same words with every e-mail address replaced, on one bounded line."""
    return ADDRESS.sub(HIDDEN, " ".join(words.split()))[:DIAGNOSTIC_LENGTH]
