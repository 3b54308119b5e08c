"""Customers who came once, bought and went, as the Redis hash with what the engine keeps of one. Their events are made
by `rust_features/core/examples/snapshot_scale.rs`."""

import random
import struct

VIEWS = 4
_START_MICROS = 1_748_822_400_000_000
_SPACING_MICROS = 600_000_000
_STEP_MICROS = 30_000_000

Fields = dict[str, bytes | str | int]


def redis_hash(customer: int, generator: random.Random) -> tuple[bytes, Fields]:
    """Key and fields of the same customer: what is zero, unknown or forgotten by then (the steps of the visit) is left
    out, numbers are text, an order is packed, and no value is so long that Redis would give up its compact form."""
    first = _START_MICROS + customer * _SPACING_MICROS
    last = first + 7 * _STEP_MICROS
    counts = {"views": VIEWS, "adds": 1, "checkouts": 1, "orders": 1, "revenue": generator.randint(990, 18_990)}
    fields: Fields = {
        f"{name}_{life}": f"{value * generator.uniform(0.99, 1):.6g}"
        for name, value in counts.items()
        for life in ("1h", "1d", "30d")
    }
    fields |= {"landmark": last, "first": first, "orders_total": 1}
    fields["order_0"] = struct.pack("<qQI", last, generator.getrandbits(64), generator.getrandbits(32))
    fields |= {f"category_{generator.randrange(32)}": "1.99", f"brand_{generator.randrange(32)}": "1.01"}
    fields["consent_email_cart_reminder"] = struct.pack("<BBBqqQ", 1, 1, 0, first, first, generator.getrandbits(64))
    fields |= {
        name: struct.pack("<qQ", last, generator.getrandbits(64)) + value
        for name, value in (("device", b"\2"), ("campaign", b"\0"), ("locale", b"de-DE"))
    }
    fields |= {"kind": 1, "linked_email": generator.randbytes(16) + struct.pack("<qQ", first, 0)}
    return b"c:" + generator.randbytes(16), fields
