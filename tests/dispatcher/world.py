"""A small world around one dispatcher: journal, contacts, a signed bundle, a mail server and a scorer's peer."""

import hashlib
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path

import nats
from nacl.public import PrivateKey, SealedBox
from nacl.signing import SigningKey
from nats.aio.client import Client
from nats.js import JetStreamContext, api

from cart_recovery.v1.bundle_pb2 import BundleManifest, ManifestSignature
from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.journal_pb2 import ContactSecret, JournalMessage
from cart_recovery.v1.policy_pb2 import ActionTemplate, Policy, StorefrontPolicy
from cart_recovery.v1.scoring_pb2 import CapReservation, Go, Trigger
from dispatcher.settings import DispatcherSettings, SmtpSettings
from tests.dispatcher.scorer_peer import ScorerPeer
from tests.dispatcher.servers import MailServer

TEMPLATES = Path(__file__).parents[2] / "cart_recovery" / "starter" / "templates"
STOREFRONT = "shop"
ADDRESS = "ada@customer.example"
RESTORE_URL = "https://shop.example/cart/restore?secret=ada%40customer.example"


def policy(**company: object) -> Policy:
    """A policy of one company that everything in the tests holds by."""
    settings = {
        "brand_name": "Shop & Sons",
        "sender": "Shop & Sons <carts@shop.example>",
        "postal_address": "1 Main Street, 12345 Town",
        "currency_code": "EUR",
        "time_zone": "Europe/Berlin",
        "hosts": ["shop.example"],
        "home_url": "https://shop.example/",
        "max_touches": 1,
        "touch_gap_seconds": 1,
    } | company
    return Policy(
        version="1",
        company=StorefrontPolicy(**settings),  # type: ignore[arg-type]
        actions=[
            ActionTemplate(action_id="email_reminder", channel=Channel.CHANNEL_EMAIL, template_key="reminder"),
            ActionTemplate(action_id="sms_reminder", channel=Channel.CHANNEL_SMS, template_key="reminder"),
        ],
    )


def write_bundle(
    data_directory: Path, signing_key: SigningKey, content: Policy, templates: dict[str, str] | None = None
) -> str:
    """Writes, signs and activates a bundle; returns its id."""
    if templates is None:
        templates = {path.name: path.read_text() for path in TEMPLATES.glob("*.liquid")}
    bundle_id = secrets.token_hex(16)
    directory = data_directory / "bundles" / bundle_id
    (directory / "templates").mkdir(parents=True)
    manifest = BundleManifest(bundle_id=bundle_id, policy=content)
    for name, text in templates.items():
        (directory / "templates" / name).write_text(text)
        manifest.files.add(path=f"templates/{name}", hash=hashlib.sha256(text.encode()).digest())
    manifest_bytes = manifest.SerializeToString()
    signature = ManifestSignature(signature=signing_key.sign(manifest_bytes).signature)
    (directory / "manifest.pb").write_bytes(manifest_bytes)
    (directory / "manifest.sig").write_bytes(signature.SerializeToString())
    (data_directory / "bundles" / "active").write_text(bundle_id)
    return bundle_id


@dataclass
class World:
    """What a test acts on."""

    client: Client
    js: JetStreamContext
    scorer: ScorerPeer
    mail: MailServer
    settings: DispatcherSettings
    contact_key: PrivateKey
    signing_key: SigningKey

    @classmethod
    async def build(cls, nats_url: str, data_directory: Path) -> "World":
        client = await nats.connect(nats_url)
        js = client.jetstream()
        for name, subjects in (("JOURNAL", ["evt.>", "dec.>"]), ("CONTACTS", ["contact.>", "token.>"])):
            await js.add_stream(api.StreamConfig(name=name, subjects=subjects, storage=api.StorageType.FILE))
        scorer, mail = ScorerPeer(js), MailServer()
        await scorer.start()
        await mail.start()
        contact_key, signing_key = PrivateKey.generate(), SigningKey.generate()
        settings = DispatcherSettings(
            data_directory=data_directory,
            contact_key=bytes(contact_key),
            link_key=secrets.token_bytes(32),
            bundle_public_key=bytes(signing_key.verify_key),
            nats_url=nats_url,
            scorer_target=f"127.0.0.1:{scorer.port}",
            http_port=None,
            smtp=SmtpSettings(host="127.0.0.1", port=mail.port, start_tls=False),
            provider_timeout_seconds=0.5,
            scorer_patience_seconds=0.5,
            jitter_seconds=0,
        )
        world = cls(client, js, scorer, mail, settings, contact_key, signing_key)
        world.activate(policy())
        return world

    async def close(self) -> None:
        await self.scorer.stop()
        await self.mail.stop()
        await self.client.close()

    def activate(self, content: Policy, templates: dict[str, str] | None = None) -> str:
        return write_bundle(self.settings.data_directory, self.signing_key, content, templates)

    def change(self, **changes: object) -> None:
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]

    def seal(self, plaintext: bytes) -> bytes:
        return SealedBox(self.contact_key.public_key).encrypt(plaintext)

    async def contact(self, alias: bytes, address: str = ADDRESS, name: str = "Ada") -> None:
        """Leaves a person's sealed address where the relay leaves it."""
        secret = ContactSecret(address=address, name=name)
        await self.js.publish(f"contact.{alias.hex()}.email", self.seal(secret.SerializeToString()))

    async def decide(
        self,
        *,
        alias: bytes | None = None,
        send_id: str | None = None,
        touch: int = 1,
        trigger: Trigger.ValueType = Trigger.TRIGGER_INACTIVITY,
        channel: Channel.ValueType = Channel.CHANNEL_EMAIL,
        delay_micros: int = 0,
        now_micros: int | None = None,
        caps: list[CapReservation] | None = None,
        address: str | None = ADDRESS,
    ) -> DecisionRecord:
        """Journals a decision, known to the scorer's peer, about a person who can be reached."""
        alias = alias or secrets.token_bytes(16)
        if address is not None:
            await self.contact(alias, address)
        record = DecisionRecord(
            decision_id=secrets.token_hex(16),
            send_id=send_id or secrets.token_hex(16),
            aliases=[alias],
            touch=touch,
            chosen=1,
        )
        record.request.storefront_id = STOREFRONT
        record.request.trigger = trigger
        record.candidates.add().action.channel = Channel.CHANNEL_NONE
        action = record.candidates.add().action
        action.action_id, action.channel, action.template_key = "email_reminder", channel, "reminder"
        start_micros = time.time_ns() // 1000 if now_micros is None else now_micros
        action.send_time.FromMicroseconds(start_micros + delay_micros)
        self.scorer.go[record.decision_id] = self.go(record, caps or [])
        await self.js.publish("dec.0.email", JournalMessage(decision=record).SerializeToString())
        return record

    def go(self, record: DecisionRecord, caps: list[CapReservation]) -> Go:
        """What Confirm answers while all is well."""
        answer = Go(action=record.candidates[1].action, aliases=record.aliases, caps=caps, language="en")
        answer.cart.currency_code = "EUR"
        answer.cart.sealed_restore_url = self.seal(RESTORE_URL.encode())
        line = answer.cart.lines.add(product_id="p1", quantity=2, title="Boots <warm> & dry", unit_price_minor=6450)
        line.image_url, line.url = "https://shop.example/boots.png", "https://shop.example/boots"
        return answer

    async def order(self, record: DecisionRecord) -> int:
        """Journals an order of the decision's person; returns its sequence."""
        event = Event(event_id=secrets.token_hex(8), storefront_id=STOREFRONT)
        event.order_completed.order_id = secrets.token_hex(8)
        event.identity.aliases.extend(record.aliases)
        return await self.scorer.journal(event)
