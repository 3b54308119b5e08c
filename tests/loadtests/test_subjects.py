"""What the sides of a comparison are given: a journal as columns, and a customer as events and as a hash."""

import random
import struct

import polars as pl
import pytest

from cart_recovery.v1.journal_pb2 import JournalMessage
from loadtests.benchmarks.comparison import Unmeasured
from loadtests.benchmarks.feature_replay import FEATURES, require_same
from loadtests.benchmarks.idle_customers import redis_hash
from loadtests.benchmarks.journal_table import ADD, ADDS, CHECKOUT, VIEW, VIEWS, flatten
from rust_features import feature_table


def journal() -> pl.DataFrame:
    """A view that was received late, an addition that came early, a checkout step of somebody else, and a decision."""
    viewed, added, step, tick, decided = (JournalMessage() for _ in range(5))
    for message, alias, received, happened in ((viewed, b"a", 9, 5), (added, b"a", 10, 20), (step, b"b", 11, 11)):
        message.identity_keys.add(alias=alias * 16)
        message.received_time.FromMicroseconds(received)
        message.event.event_time.FromMicroseconds(happened)
        message.event.event_id = f"event-{received}"
    viewed.event.product_viewed.product.product_id = "lamp"
    viewed.event.product_viewed.dwell_seconds = 30
    added.event.product_added.cart_id = "cart"
    added.event.product_added.line.product_id = "lamp"
    step.event.checkout_step_completed.cart_id = "other"
    step.event.checkout_step_completed.step = 1
    tick.tick.SetInParent()
    decided.decision.state_sequence = 3
    decided.decision.aliases.extend([b"b" * 16, b"a" * 16])
    decided.decision.request.cart_id = "cart"
    decided.decision.clock.FromMicroseconds(12)
    messages = [viewed, added, step, tick, decided]
    payloads = [message.SerializeToString() for message in messages]
    return pl.DataFrame({"sequence": [1, 2, 3, 4, 5], "payload": payloads}, schema_overrides={"sequence": pl.UInt64})


def test_a_journal_becomes_columns_of_numbers() -> None:
    found, decisions = flatten(journal())
    columns = ("alias", "cart", "time_micros", "step", "counter", "product", "dwell_seconds", "stage")
    assert found.select(columns).rows() == [
        (1, 0, 5, VIEW, VIEWS, 1, 30, 0),
        # Of what is said to happen later than it was received, the reception counts.
        (1, 1, 10, ADD, ADDS, 1, 0, 0),
        (2, 2, 11, CHECKOUT, 0, 0, 0, 3),
    ]
    assert decisions.rows() == [(5, 3, 12, 1, [2, 1])]


def test_values_that_differ_are_named() -> None:
    assert set(FEATURES) <= {row[0] for row in feature_table()}
    ours = pl.DataFrame({"sequence": [2, 1]} | {name: [2.0, float("nan")] for name in FEATURES})
    theirs = pl.DataFrame({"sequence": [1, 2]} | {name: [None, 2.0001] for name in FEATURES})
    for counter in (name for name in FEATURES if name.endswith(("_1h", "_1d", "_30d", "_total"))):
        ours = ours.with_columns(pl.Series(counter, [2.0, 0.0]))
    require_same("peer", theirs, ours)
    wrong = theirs.with_columns(pl.Series("session_views", [None, 2.01]))
    with pytest.raises(Unmeasured, match=r"peer differs in session_views of 1 of 2 rows.* sequence 2: 2\.01, replay 2"):
        require_same("peer", wrong, ours)
    with pytest.raises(Unmeasured, match="peer gives 1 rows, replay 2"):
        require_same("peer", theirs.head(1), ours)


def test_an_idle_customer_as_a_hash_has_what_the_engine_keeps_in_the_compact_form() -> None:
    key, fields = redis_hash(3, random.Random(1))
    assert len(key) == 18
    # The steps of a visit are forgotten by then.
    assert not any(name.startswith("step_") for name in fields)
    packed = fields["order_0"]
    assert isinstance(packed, bytes) and struct.unpack_from("<q", packed) == (fields["landmark"],)
    assert max(len(value if isinstance(value, bytes) else str(value)) for value in fields.values()) <= 64
