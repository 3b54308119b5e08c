"""Finds decision records in a journal."""

import polars as pl

from audit.journal import messages
from cart_recovery.v1.decision_pb2 import DecisionRecord


class DecisionUnknown(Exception):
    """The journal does not hold this decision."""


def decisions_of(journal: pl.DataFrame) -> dict[str, DecisionRecord]:
    """The decisions of a journal in its order; of records with one id the first, which is the answer."""
    records: dict[str, DecisionRecord] = {}
    for _, message in messages(journal):
        if message.WhichOneof("content") == "decision":
            records.setdefault(message.decision.decision_id, message.decision)
    return records
