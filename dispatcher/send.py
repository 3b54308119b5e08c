"""One attempt at one send, in the order that makes it safe: Confirm, reach, caps, claim, Confirm again, call. What each
answer means is decided in `touch`; whoever dies in between, the ledger tells the next one how far it got."""

import time

import structlog
from nats.errors import Error as NatsError

from cart_recovery.v1.reason_pb2 import Reason
from dispatcher import metrics
from dispatcher.channels.channel import Channel, Message
from dispatcher.failures import ProviderFailure
from dispatcher.outcomes import outcome_event
from dispatcher.ports import Ports
from dispatcher.scorer import DecisionUnknown
from dispatcher.templates import TemplateMissing, TemplateRefused
from dispatcher.touch import (
    Begin,
    Claimed,
    Cleared,
    Closed,
    Confirmed,
    Done,
    Ended,
    LedgerEntry,
    LedgerStage,
    Reserved,
    Step,
    Touch,
    Wait,
    after_failure,
    judge,
    sent,
    skipped,
)

log = structlog.get_logger(__name__)


class Send:
    """An attempt that may begin. It keeps the ledger's revision, which each of its own entries moves on."""

    def __init__(self, ports: Ports, touch: Touch, begin: Begin) -> None:
        self._ports = ports
        self._touch = touch
        self._attempt = begin.attempt
        self._revision = begin.revision
        self._channel: Channel = ports.channels[touch.channel]

    async def run(self) -> Wait | Closed | Done:
        """Goes on until the send waits or is closed. Raises ScorerAway, LedgerConflict."""
        step = await self._run()
        if isinstance(step, Ended):
            return await close(self._ports, step, self._revision)
        return step

    async def _run(self) -> Step:
        confirmed = await self._confirm(self._touch.journal_sequence, claimed=False)
        if not isinstance(confirmed, Confirmed):
            return confirmed
        reserved = await self._reserve(confirmed)
        if not isinstance(reserved, Reserved):
            return reserved
        cleared = await self._clear(await self._claim(reserved))
        if not isinstance(cleared, Cleared):
            return cleared
        return await self._call(cleared)

    async def _confirm(self, minimum_sequence: int, *, claimed: bool) -> Confirmed | Step:
        try:
            verdict = await self._ports.scorer.confirm(
                self._touch.decision_id, minimum_sequence=minimum_sequence, claimed=claimed
            )
        except DecisionUnknown:
            return skipped(self._touch, Reason.REASON_DECISION_UNKNOWN, ends_sequence=True)
        return judge(self._touch, verdict, self._ports.clock.now_micros())

    async def _reserve(self, confirmed: Confirmed) -> Reserved | Ended:
        touch, go = confirmed.touch, confirmed.go
        if not self._ports.release.current().templates.has(go.action.template_key, self._channel.parts):
            return skipped(touch, Reason.REASON_TEMPLATE_MISSING)
        recipient = await self._ports.contacts.find(list(go.aliases) or list(touch.aliases), touch.channel)
        if recipient is None:
            return skipped(touch, Reason.REASON_NOT_REACHABLE)
        for cap in go.caps:
            if not await self._ports.caps.reserve(touch.customer, touch.send_id, cap):
                return skipped(touch, Reason.REASON_CAP_REACHED)
        return Reserved(touch, go, recipient)

    async def _claim(self, reserved: Reserved) -> Claimed:
        await self._append(LedgerStage.CLAIMED)
        return Claimed(reserved.touch, reserved.recipient)

    async def _clear(self, claimed: Claimed) -> Cleared | Step:
        """Confirms at a sequence read after the claim was acknowledged: whatever was journalled before is known."""
        sequence = await self._ports.journal_sequence()
        confirmed = await self._confirm(sequence, claimed=True)
        if not isinstance(confirmed, Confirmed):
            return confirmed
        return Cleared(claimed.touch, confirmed.go, claimed.recipient, self._attempt, sequence)

    async def _call(self, cleared: Cleared) -> Wait | Ended:
        try:
            message = self._compose(cleared)
        except (TemplateMissing, TemplateRefused) as error:
            log.error("template_refused", decision_id=cleared.touch.decision_id, cause=str(error))
            return skipped(cleared.touch, Reason.REASON_TEMPLATE_MISSING)
        provider = self._channel.provider
        started = time.monotonic()
        try:
            receipt = await provider.send(message, lambda: self._append(LedgerStage.CALLING))
        except ProviderFailure as failure:
            metrics.PROVIDER_CALLS.labels(provider.name, failure.kind.value).inc()
            step = after_failure(cleared, failure, provider.name, self._ports.clock.now_micros())
            if isinstance(step, Wait):
                await self._append(LedgerStage.RELEASED)
            return step
        finally:
            metrics.PROVIDER_SECONDS.labels(provider.name).observe(time.monotonic() - started)
        metrics.PROVIDER_CALLS.labels(provider.name, "taken").inc()
        now_micros = self._ports.clock.now_micros()
        after_sequence = await self._sequence_if_known()
        return sent(
            cleared, receipt.provider_message_id, provider.name, now_micros=now_micros, after_sequence=after_sequence
        )

    async def _sequence_if_known(self) -> int:
        # The message has left: nothing may keep that from the ledger.
        try:
            return await self._ports.journal_sequence()
        except NatsError:
            return 0

    def _compose(self, cleared: Cleared) -> Message:
        return self._ports.composer.compose(
            cleared.touch,
            cleared.go,
            cleared.recipient,
            self._channel,
            self._ports.release.current(),
            self._ports.clock.now_micros(),
        )

    async def _append(self, stage: LedgerStage) -> None:
        entry = LedgerEntry(stage, self._attempt, self._revision)
        self._revision = await self._ports.ledger.append(self._touch.send_id, entry)


async def close(ports: Ports, ended: Ended, revision: int) -> Closed:
    """Writes the outcome into the ledger, for good. Raises LedgerConflict.

    A superseded decision closes nothing: the one that replaced it may have the same send id.
    """
    touch = ended.touch
    alias = ended.alias or touch.aliases[0]
    event = outcome_event(touch.storefront_id, alias, ended.outcome, ports.clock.now_micros())
    if ended.outcome.skipped.reason != Reason.REASON_DECISION_SUPERSEDED:
        entry = LedgerEntry(
            LedgerStage.CLOSED, attempt=0, revision=revision, event=event, after_sequence=ended.after_sequence
        )
        await ports.ledger.append(touch.send_id, entry)
    metrics.count_outcome(ended.outcome)
    return Closed(touch, event, ended.after_sequence)
