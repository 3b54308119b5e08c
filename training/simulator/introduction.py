"""How the shop comes to know a shopper: address, language and consent, at the first visit."""

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.person_pb2 import (
    ConsentChanged,
    ConsentPurpose,
    ConsentState,
    DoubleOptIn,
    Identified,
    LegalBasis,
    ProfileUpdated,
)
from training.simulator.envelope import Envelope
from training.simulator.shoppers import Shopper


def introduction(shopper: Shopper, envelope: Envelope, time: int) -> list[tuple[int, Event]]:
    """The events of getting to know each other, all at one moment; consent only where it is given."""
    identified = envelope.event(time, identified=Identified())
    identified.identity.name = shopper.name
    identified.identity.contacts.add(channel=Channel.CHANNEL_EMAIL, address=shopper.address)
    language = shopper.context.locale[:2]
    events = [identified, envelope.event(time, profile_updated=ProfileUpdated(language=language))]
    if shopper.consents:
        for purpose in (ConsentPurpose.CONSENT_PURPOSE_MARKETING, ConsentPurpose.CONSENT_PURPOSE_CART_REMINDER):
            consent = ConsentChanged(
                channel=Channel.CHANNEL_EMAIL,
                purpose=purpose,
                state=ConsentState.CONSENT_STATE_GRANTED,
                legal_basis=LegalBasis.LEGAL_BASIS_CONSENT,
                source="account",
                double_opt_in=DoubleOptIn.DOUBLE_OPT_IN_CONFIRMED,
                jurisdiction=shopper.context.country_code,
            )
            consent.given_time.FromMicroseconds(time)
            events.append(envelope.event(time, consent_changed=consent))
    return [(time, event) for event in events]
