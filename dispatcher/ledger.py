"""The ledger of sends: one subject per send id, every step appended only if nobody else stepped in between. It is what
makes a send happen at most once, whatever is redelivered and whoever dies."""

import asyncio
import secrets
from datetime import datetime

import nats.errors
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from cart_recovery.v1.event_pb2 import Event
from dispatcher.streams import LEDGER, retried
from dispatcher.touch import LedgerEntry, LedgerStage

WRONG_LAST_SEQUENCES = frozenset({10071, 10164})
"""Server codes: the subject's last sequence is not the expected one."""
APPEND_ATTEMPTS = 8

STAGE_HEADER = "Ledger-Stage"
ATTEMPT_HEADER = "Ledger-Attempt"
NONCE_HEADER = "Ledger-Nonce"
AFTER_HEADER = "Ledger-After-Sequence"


class LedgerConflict(Exception):
    """Somebody else appended to this send in the meantime."""


class Ledger:
    """Reads and appends the entries of sends."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js

    async def last(self, send_id: str) -> LedgerEntry | None:
        """The last entry of a send, as the stream's leader has it; None for a send that nobody claimed."""
        found = await self._last_message(send_id)
        return None if found is None else _entry_of(found)

    async def append(self, send_id: str, entry: LedgerEntry) -> int:
        """Appends `entry` if the send still stands at `entry.revision`; returns the new revision.

        Raises LedgerConflict. A publish without an answer may have been stored: the nonce tells.
        """
        nonce = secrets.token_hex(8)
        headers = {
            api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(entry.revision),
            STAGE_HEADER: entry.stage.value,
            ATTEMPT_HEADER: str(entry.attempt),
            NONCE_HEADER: nonce,
            AFTER_HEADER: str(entry.after_sequence),
        }
        payload = b"" if entry.event is None else entry.event.SerializeToString(deterministic=True)
        pause_seconds = 0.05
        for _ in range(APPEND_ATTEMPTS):
            try:
                ack = await self._js.publish(f"led.{send_id}", payload, headers=dict(headers), stream=LEDGER)
                return ack.seq
            except APIError as error:
                if error.err_code not in WRONG_LAST_SEQUENCES:
                    raise
                return await self._own_revision(send_id, nonce)
            except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, 2.0)
        return await self._own_revision(send_id, nonce)

    async def bury(self, name: str, payload: bytes, headers: dict[str, str]) -> None:
        """Keeps a message that could not be processed, for a person to look at."""
        await retried(lambda: self._js.publish(f"dead.{name}", payload, headers=dict(headers), stream=LEDGER))

    async def _own_revision(self, send_id: str, nonce: str) -> int:
        found = await self._last_message(send_id)
        if found is None or (found.headers or {}).get(NONCE_HEADER) != nonce or found.seq is None:
            raise LedgerConflict(send_id)
        return found.seq

    async def _last_message(self, send_id: str) -> api.RawStreamMsg | None:
        try:
            return await retried(lambda: self._js.get_last_msg(LEDGER, f"led.{send_id}"))
        except NotFoundError:
            return None


def _entry_of(message: api.RawStreamMsg) -> LedgerEntry:
    headers = message.headers or {}
    stage = LedgerStage(headers[STAGE_HEADER])
    return LedgerEntry(
        stage=stage,
        attempt=int(headers[ATTEMPT_HEADER]),
        revision=message.seq or 0,
        stored_micros=_micros(message.time),
        event=Event.FromString(message.data or b"") if stage is LedgerStage.CLOSED else None,
        after_sequence=int(headers[AFTER_HEADER]),
    )


def _micros(time: datetime | None) -> int:
    return 0 if time is None else round(time.timestamp() * 1_000_000)
