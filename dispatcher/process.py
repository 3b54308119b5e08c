"""Moves touches on: decision → schedule → due → send → outcome → next touch. Every step may be repeated, since the
ledger and the schedule keep what is true; nothing is kept here."""

import time

import structlog

from cart_recovery.v1.channel_pb2 import Channel as ChannelKind
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.message_pb2 import MessageOutcome, MessageSent, MessageSkipped
from cart_recovery.v1.reason_pb2 import Reason
from dispatcher import metrics
from dispatcher.clock import MICROS
from dispatcher.failures import FailureKind, ProviderFailure
from dispatcher.ledger import LedgerConflict
from dispatcher.outcomes import outcome_event
from dispatcher.ports import Ports
from dispatcher.scorer import DecisionUnknown, ScorerAway
from dispatcher.send import Send, close
from dispatcher.touch import (
    CROSSING_REASONS,
    Begin,
    Closed,
    Done,
    Ended,
    InFlight,
    LedgerEntry,
    Lost,
    Report,
    Resume,
    Touch,
    Wait,
    failed,
    judge,
    lost,
    next_touch,
    outcome_of,
    resume,
    skipped,
    touch_of,
)

AWAY_SECONDS = 60
"""How long a touch sleeps after the scorer stayed away beyond its patience."""

log = structlog.get_logger(__name__)


class Process:
    """Carries touches from stage to stage."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        # Longer than any call can last, shorter than the wait before a redelivery.
        self._lease_micros = round(2 * ports.settings.provider_timeout_seconds * MICROS)

    async def on_decision(self, record: DecisionRecord, journal_sequence: int) -> None:
        """Schedules the touch that a decision asks for."""
        touch = touch_of(record, journal_sequence)
        kind = ChannelKind.CHANNEL_NONE if touch is None else touch.channel
        metrics.DECISIONS.labels(ChannelKind.Name(kind)).inc()
        if touch is None:
            return
        if touch.channel not in self._ports.channels:
            # Nobody consumes its due touches, so it cannot wait: a failure here comes again with the record.
            await self._put(await self._settle(touch))
            return
        await self._ports.schedule.put(touch, touch.first_due_micros)
        outcome = outcome_of(touch)
        outcome.scheduled.due_time.FromMicroseconds(touch.first_due_micros)
        try:
            await self._ports.scorer.track(self._event(touch, outcome))
        except ScorerAway as away:
            # Only the note is lost: the schedule stands, and the touch will report how it ends.
            log.warning("scheduling_not_told", decision_id=touch.decision_id, cause=str(away))

    async def on_due(self, touch: Touch) -> None:
        """Takes a touch whose time has come as far as it goes now."""
        step: Wait | Done
        try:
            step = await (self._settle(touch) if touch.decided else self._decide(touch))
        except ScorerAway as away:
            metrics.SCORER_AWAY.inc()
            log.warning("scorer_away", decision_id=touch.decision_id, cause=str(away))
            step = Wait(touch, self._now() + AWAY_SECONDS * MICROS)
        except LedgerConflict:
            # Another process stepped in between; how that went shows once its call must be over.
            step = Wait(touch, self._now() + self._lease_micros)
        await self._put(step)

    async def reconsider(self, touch: Touch, minimum_sequence: int) -> bool:
        """Asks about a pending touch after an order or opt-out; True where it lost its reason and was dropped.

        Whatever cannot be settled now is settled when the touch falls due.
        """
        try:
            verdict = await self._ports.scorer.confirm(touch.decision_id, minimum_sequence=minimum_sequence)
            step = judge(touch, verdict, self._now())
            if not isinstance(step, Ended) or not _lost_its_reason(step.outcome.skipped):
                return False
            found = await self._resume(touch)
            if not isinstance(found, Begin):
                return False
            follow_up = await self._report(await close(self._ports, step, found.revision))
        except (ScorerAway, DecisionUnknown, LedgerConflict):
            return False
        await self._ports.schedule.cancel(touch)
        await self._put(follow_up)
        metrics.CANCELLED.labels(ChannelKind.Name(touch.channel)).inc()
        return True

    async def give_up(self, touch: Touch) -> None:
        """Ends a touch that could not be processed after several deliveries. Raises ScorerAway, LedgerConflict."""
        if not touch.decided:
            return
        match await self._resume(touch):
            case Begin(_, revision):
                failure = ProviderFailure(FailureKind.PERMANENT, "given up: it could not be processed")
                await self._report(await close(self._ports, failed(touch, failure, provider=""), revision))
            case Lost(revision):
                await self._report(await close(self._ports, lost(touch), revision))
            case Report(entry):
                await self._report(self._closed(touch, entry))

    async def _decide(self, touch: Touch) -> Wait | Done:
        """A later touch: the engine decides it now, and its record comes back through the journal."""
        sequence = await self._ports.journal_sequence()
        try:
            verdict = await self._ports.scorer.confirm(touch.decision_id, minimum_sequence=sequence, touch=touch.number)
        except DecisionUnknown:
            return Done(touch)
        step = judge(touch, verdict, self._now())
        log.info(
            "later_touch", decision_id=touch.decision_id, touch=touch.number, verdict=verdict.WhichOneof("verdict")
        )
        return step if isinstance(step, Wait) and not self._stale(touch) else Done(touch)

    async def _settle(self, touch: Touch) -> Wait | Done:
        """Sends or skips, and reports. Raises ScorerAway, LedgerConflict."""
        step = await self._send(touch)
        return await self._report(step) if isinstance(step, Closed) else step

    async def _put(self, step: Wait | Done) -> None:
        if isinstance(step, Wait):
            metrics.WAITS.labels(ChannelKind.Name(step.touch.channel)).inc()
            await self._ports.schedule.put(step.touch, step.due_micros)

    async def _send(self, touch: Touch) -> Wait | Closed | Done:
        """From due to closed, as far as nothing asks to wait."""
        match await self._resume(touch):
            case Report(entry):
                return self._closed(touch, entry)
            case InFlight(until_micros):
                return Wait(touch, self._now() + max(until_micros - _wall_micros(), MICROS))
            case Lost(revision):
                return await close(self._ports, lost(touch), revision)
            case Begin(_, revision) if self._stale(touch):
                return await close(self._ports, skipped(touch, Reason.REASON_STALE, ends_sequence=True), revision)
            case Begin(_, revision) if touch.channel not in self._ports.channels:
                return await close(self._ports, skipped(touch, Reason.REASON_CHANNEL_UNAVAILABLE), revision)
            case Begin() as begin:
                return await Send(self._ports, touch, begin).run()

    async def _resume(self, touch: Touch) -> Resume:
        entry = await self._ports.ledger.last(touch.send_id)
        channel = self._ports.channels.get(touch.channel)
        honours_key_seconds = 0 if channel is None else channel.provider.honours_key_seconds
        return resume(
            entry,
            now_micros=_wall_micros(),
            lease_micros=self._lease_micros,
            honours_key_micros=honours_key_seconds * MICROS,
        )

    async def _report(self, closed: Closed) -> Wait | Done:
        """Tells the journal how the touch ended; what follows is the next touch, if there is one."""
        outcome = closed.event.message_outcome
        if outcome.HasField("sent"):
            await self._check_crossing(closed, outcome.sent)
        await self._ports.scorer.track(closed.event)
        storefront = self._ports.release.current().storefront(closed.touch.storefront_id)
        follow_up = next_touch(
            Ended(closed.touch, outcome),
            max_touches=storefront.max_touches,
            gap_seconds=storefront.touch_gap_seconds,
            now_micros=self._now(),
        )
        return follow_up or Done(closed.touch)

    async def _check_crossing(self, closed: Closed, sent: MessageSent) -> None:
        """Notes whether an order or opt-out was journalled since the claim was confirmed."""
        sequence = closed.after_sequence or await self._ports.journal_sequence()
        try:
            verdict = await self._ports.scorer.confirm(
                closed.touch.decision_id, minimum_sequence=sequence, claimed=True
            )
        except DecisionUnknown:
            return
        sent.checked_sequence = verdict.state_sequence
        sent.crossed = verdict.HasField("skip") and verdict.skip.reason in CROSSING_REASONS

    def _closed(self, touch: Touch, entry: LedgerEntry) -> Closed:
        """A send that is over, from the ledger. A decision whose send another one carried out was not needed."""
        event = Event() if entry.event is None else entry.event
        if event.message_outcome.decision_id != touch.decision_id:
            event = self._event(touch, skipped(touch, Reason.REASON_ALREADY_CLAIMED, ends_sequence=True).outcome)
        return Closed(touch, event, entry.after_sequence)

    def _event(self, touch: Touch, outcome: MessageOutcome) -> Event:
        return outcome_event(touch.storefront_id, touch.aliases[0], outcome, self._now())

    def _stale(self, touch: Touch) -> bool:
        return self._now() > touch.first_due_micros + self._ports.settings.touch_patience_seconds * MICROS

    def _now(self) -> int:
        return self._ports.clock.now_micros()


def _lost_its_reason(skip: MessageSkipped) -> bool:
    """Whether waiting for the touch's time cannot change the skip."""
    return skip.ends_sequence or skip.reason in CROSSING_REASONS


def _wall_micros() -> int:
    """The ledger's times are the server's, whatever clock the touches follow."""
    return time.time_ns() // 1000
