"""What a backtest or a rehearsal may assume where a file says nothing: addresses in a reserved domain, consent.

An import into a live journal assumes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.person_pb2 import ConsentPurpose, ConsentState, LegalBasis

RESERVED_DOMAIN = "shoppers.example"
"""RFC 2606: nobody can ever receive mail there."""

_MOST_PERSONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What to assume of every person in the file; by default nothing."""

    addresses: bool = False
    """Everyone has an e-mail address in the reserved domain."""
    consent: bool = False
    """Everyone consents to e-mail reminders."""


NOTHING_ASSUMED = Assumptions()
"""What an import into a live journal assumes."""


class Introductions:
    """Puts the assumed events right before a person's first event."""

    def __init__(self, assumptions: Assumptions) -> None:
        """Persons met are remembered up to a million; then the memory starts anew.

        A person may then be introduced again, by the same events with the same ids, which changes nothing.
        """
        self._assumptions = assumptions
        self._active = assumptions.addresses or assumptions.consent
        self._met: set[str] = set()

    def before(self, event: Event) -> Iterator[Event]:
        """The assumed events that have to come before this one."""
        if not self._active:
            return
        person = event.identity.customer_id or event.identity.anonymous_id
        if not person or person in self._met:
            return
        if len(self._met) >= _MOST_PERSONS:
            self._met.clear()
        self._met.add(person)
        name = sha256(f"{event.storefront_id}/{person}".encode()).hexdigest()[:24]
        if self._assumptions.addresses:
            identified = self._blank(event, f"assumed-identity-{name}")
            identified.identified.SetInParent()
            address = f"shopper-{name}@{RESERVED_DOMAIN}"
            identified.identity.contacts.add(channel=Channel.CHANNEL_EMAIL, address=address)
            yield identified
        if self._assumptions.consent:
            for purpose in (ConsentPurpose.CONSENT_PURPOSE_MARKETING, ConsentPurpose.CONSENT_PURPOSE_CART_REMINDER):
                consent = self._blank(event, f"assumed-consent-{purpose}-{name}")
                consent.consent_changed.channel = Channel.CHANNEL_EMAIL
                consent.consent_changed.purpose = purpose
                consent.consent_changed.state = ConsentState.CONSENT_STATE_GRANTED
                consent.consent_changed.legal_basis = LegalBasis.LEGAL_BASIS_CONSENT
                consent.consent_changed.source = "assumed"
                consent.consent_changed.given_time.CopyFrom(event.event_time)
                yield consent

    @staticmethod
    def _blank(event: Event, event_id: str) -> Event:
        blank = Event(event_id=event_id, storefront_id=event.storefront_id)
        blank.event_time.CopyFrom(event.event_time)
        blank.identity.customer_id = event.identity.customer_id
        blank.identity.anonymous_id = event.identity.anonymous_id
        return blank
