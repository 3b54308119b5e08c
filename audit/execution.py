"""Re-executes decisions from the journal and says, field by field, where the outcome differs from the record.

A decision is proven when the re-executed record equals the stored one, and the features of the record are the row
that replay gives, bit for bit.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

import rust_features
from audit.decisions import DecisionUnknown
from audit.differences import FieldDifference, differences
from cart_recovery.v1.decision_pb2 import DecisionRecord


@dataclass(frozen=True)
class Proof:
    """What the re-execution of one decision gave."""

    decision_id: str
    differences: tuple[FieldDifference, ...]
    """Between the stored record and the re-executed one."""
    feature_differences: tuple[FieldDifference, ...]
    """Between the features of the record and the row that replay gives."""
    failure: str = ""
    """Why it could not be re-executed, in words."""

    @property
    def holds(self) -> bool:
        """Bit for bit the same."""
        return not (self.differences or self.feature_differences or self.failure)


@dataclass(frozen=True)
class Verification:
    """The proofs of all decisions of a journal."""

    decisions: int
    failed: tuple[Proof, ...]

    @property
    def holds(self) -> bool:
        """Every decision is proven."""
        return not self.failed


def verify(journal: pl.DataFrame, decision_id: str, *, keys: rust_features.Keys, bundles_directory: Path) -> Proof:
    """Proves one decision. `bundles_directory` holds a folder for each bundle id. Raises DecisionUnknown."""
    for proof in _proofs(journal, keys, bundles_directory, decision_id):
        return proof
    raise DecisionUnknown(f"the journal holds no decision {decision_id}")


def verify_all(journal: pl.DataFrame, *, keys: rust_features.Keys, bundles_directory: Path) -> Verification:
    """Proves every decision of the journal, in one fold of it."""
    proofs = list(_proofs(journal, keys, bundles_directory, None))
    return Verification(len(proofs), tuple(proof for proof in proofs if not proof.holds))


def render_proof(proof: Proof) -> str:
    """The proof as text."""
    if proof.holds:
        return f"Decision {proof.decision_id}: re-executed bit for bit; its features are the row that replay gives."
    lines = [f"Decision {proof.decision_id} is NOT reproduced."]
    if proof.failure:
        lines.append(f"  {proof.failure}")
    lines += [
        f"  {each.path}: recorded {each.stored}, re-executed {each.executed}"
        for each in (*proof.differences, *proof.feature_differences)
    ]
    return "\n".join(lines)


def render_verification(verification: Verification) -> str:
    """The proofs as text: one line where all hold, else every decision that does not."""
    if verification.holds:
        return f"{verification.decisions:,} decisions re-executed bit for bit; features equal replay, bit for bit."
    lines = [f"{len(verification.failed):,} of {verification.decisions:,} decisions are NOT reproduced."]
    return "\n".join([*lines, *(render_proof(proof) for proof in verification.failed)])


def _proofs(
    journal: pl.DataFrame, keys: rust_features.Keys, bundles_directory: Path, decision_id: str | None
) -> Iterator[Proof]:
    replayed = _replayed_features(journal)
    executions = rust_features.execute(
        journal, keys=keys, bundles_directory=str(bundles_directory), decision_id=decision_id
    )
    for stored, executed, failure in executions:
        record = DecisionRecord.FromString(stored)
        features = tuple(_feature_differences(record.features, replayed.get(record.decision_id)))
        found = () if failure else tuple(_record_differences(stored, executed))
        yield Proof(record.decision_id, found, features, failure)


def _record_differences(stored: bytes, executed: bytes) -> list[FieldDifference]:
    if stored == executed:
        return []
    found = list(differences(DecisionRecord.FromString(stored), DecisionRecord.FromString(executed)))
    return found or [FieldDifference("(encoding)", stored.hex(), executed.hex())]


def _context_features() -> list[str]:
    return [name for name, _, _, _, _, of_action in rust_features.feature_table() if not of_action]


def _replayed_features(journal: pl.DataFrame) -> dict[str, tuple[float, ...]]:
    """The context features of every decision as replay computes them, by decision id: those of its first record."""
    # The window concerns outcomes only, which are not looked at here.
    rows = pl.DataFrame(rust_features.replay(journal, attribution_window_seconds=1))
    table = rows.unique("decision_id", keep="first", maintain_order=True).select("decision_id", *_context_features())
    return {row[0]: row[1:] for row in table.iter_rows()}


def _feature_differences(recorded: Sequence[float], replayed: tuple[float, ...] | None) -> list[FieldDifference]:
    if replayed is None:
        return [FieldDifference("features", f"{len(recorded)} values", "no row in replay")]
    names = _context_features()
    if not len(recorded) == len(replayed) == len(names):
        return [FieldDifference("features", f"{len(recorded)} values", f"{len(replayed)} values")]
    return [
        FieldDifference(f"features.{name}", repr(own), repr(other))
        for name, own, other in zip(names, recorded, replayed, strict=True)
        if struct.pack("<f", own) != struct.pack("<f", other)
    ]
