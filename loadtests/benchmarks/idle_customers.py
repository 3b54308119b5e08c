"""Customers who came once, bought and went: as events for the engine, and as the Redis hash with what the engine keeps.

`python -m loadtests.benchmarks.idle_customers COUNT` folds so many and prints by how many bytes its process grew.
"""

import os
import random
import struct
import sys
from collections.abc import Iterator

from cart_recovery.v1.event_pb2 import TrackRequest
from loadtests.benchmarks.throwaway_keys import throwaway_keys
from loadtests.memory import resident_bytes
from loadtests.shoppers import CURRENCY, consent_request, line, track_request
from rust_features import Offline

VIEWS = 4
_START_MICROS = 1_748_822_400_000_000
_SPACING_MICROS = 600_000_000
"""Between two customers, so that of all but the latest few thousand the carts and event ids are forgotten."""
_STEP_MICROS = 30_000_000
_WARM_UP = 1_000
"""Customers that fill what does not grow with their number, before counting begins."""

Fields = dict[str, bytes | str | int]


def events(customer: int, generator: random.Random) -> Iterator[TrackRequest]:
    """Consent, views, an addition, the checkout and the order."""
    cart_id, chosen = f"cart-{customer}", line(generator)
    total = {"minor_units": chosen.unit_price_minor * chosen.quantity, "currency_code": CURRENCY}
    order = {"order_id": f"order-{customer}", "cart_id": cart_id, "lines": [chosen], "total": total}
    kinds: list[dict[str, object]] = [
        {"product_viewed": {"product": line(generator), "dwell_seconds": 20}} for _ in range(VIEWS)
    ]
    kinds += [
        {"product_added": {"cart_id": cart_id, "line": chosen, "currency_code": CURRENCY}},
        {"checkout_started": {"cart_id": cart_id}},
        {"order_completed": order},
    ]
    requests = [consent_request(customer, f"{customer}-consent")]
    requests += [track_request(customer, f"{customer}-{number}", **kind) for number, kind in enumerate(kinds)]
    for number, request in enumerate(requests):
        time_micros = _START_MICROS + customer * _SPACING_MICROS + number * _STEP_MICROS
        request.event.event_time.FromMicroseconds(time_micros)
        yield request


def redis_hash(customer: int, generator: random.Random) -> tuple[bytes, Fields]:
    """Key and fields of the same customer: what is zero or unknown is left out, numbers are text, a step or an order is
    packed, and no value is so long that Redis would give up its compact form."""
    first = _START_MICROS + customer * _SPACING_MICROS
    last = first + 7 * _STEP_MICROS
    counts = {"views": VIEWS, "adds": 1, "checkouts": 1, "orders": 1, "revenue": generator.randint(990, 18_990)}
    fields: Fields = {
        f"{name}_{life}": f"{value * generator.uniform(0.99, 1):.6g}"
        for name, value in counts.items()
        for life in ("1h", "1d", "30d")
    }
    fields |= {"landmark": last, "first": first, "last": last, "last_order": last, "orders_total": 1}
    fields |= {f"step_{number}": _step(first + number * _STEP_MICROS, generator) for number in range(VIEWS + 2)}
    fields["order_0"] = struct.pack("<qQI", last, generator.getrandbits(64), generator.getrandbits(32))
    fields |= {f"category_{generator.randrange(32)}": "1.99", f"brand_{generator.randrange(32)}": "1.01"}
    fields["consent_email_cart_reminder"] = struct.pack("<BBBqqQ", 1, 1, 0, first, first, generator.getrandbits(64))
    fields |= {
        name: struct.pack("<qQ", last, generator.getrandbits(64)) + value
        for name, value in (("device", b"\2"), ("campaign", b"\0"), ("locale", b"de-DE"))
    }
    fields |= {"kind": 1, "linked_email": generator.randbytes(16) + struct.pack("<qQ", first, 0)}
    return b"c:" + generator.randbytes(16), fields


def grown_bytes(count: int) -> int:
    """By how much this process grows while it folds so many customers."""
    engine = Offline(keys=throwaway_keys(), bundle_directory=None, run_seed=bytes(32))
    generator = random.Random(7)
    before = 0
    for customer in range(count + _WARM_UP):
        if customer == _WARM_UP:
            before = resident_bytes(os.getpid())
        for request in events(customer, generator):
            engine.track(request.SerializeToString())
    grown = resident_bytes(os.getpid()) - before
    held = engine.counts()["customers"]
    if held < count:
        raise RuntimeError(f"the engine holds {held} of {count} customers")
    return grown


def _step(time_micros: int, generator: random.Random) -> bytes:
    return struct.pack("<qIIIHB", time_micros, *(generator.getrandbits(32) for _ in range(3)), 20, 1)


if __name__ == "__main__":
    sys.stdout.write(f"{grown_bytes(int(sys.argv[1]))}\n")
