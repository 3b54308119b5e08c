"""How many customers of many, some of them at shared devices, are found as they are."""

from collections.abc import Callable

from loadtests.benchmarks.comparison import Comparison, Figure, Goal, without_peers
from loadtests.benchmarks.example import Example

SIDE, LARGEST = "engine", "aliases of the largest customer"
MIXED = "customers with an alias of another, or with a shared device"
LACKING = "customers that lack one of their own"
WEB = "a look at a customer who is woven to be slow"
_MOST_ALIASES = 16
_MOST_MIXED_SHARE = 0.01
"""As many devices are shared."""
_MOST_MICROS = 1_000.0
"""A decision is to take less."""
_FIGURES = (
    (LARGEST, "", "largest_aliases"),
    (MIXED, "", "with_anothers_alias"),
    (LACKING, "", "without_an_own_alias"),
    ("customers held back as a suspected same person", "", "held_back"),
    ("a look at a customer", "µs", "look_micros"),
    (WEB, "µs", "look_at_web_micros"),
    ("events", "", "events"),
    ("events folded a second of processor time", "/s", "folded_per_second"),
    ("memory per customer", "B", "bytes_per_customer"),
)


def measure(customers: int, *, profile: str, progress: Callable[[str], None]) -> Comparison:
    """Folds them once. Raises NotServing or Unmeasured."""
    progress(f"{customers:,} customers come in")
    found = Example("identity_scale", profile).figures(customers)
    return without_peers(
        name="identity",
        title="Who is one customer, at scale",
        setting=(
            f"{customers:,} customers with one to three devices of their own, one in four joined by carts alone, an "
            f"account and an address each, and {int(found['shared_devices']):,} devices that several share: families, "
            f"and kiosks with up to {int(found['customers_at_busiest'])} customers, where they sign in at every second "
            "and are guests at the others. The customers found are compared with the truth. A customer has at most "
            f"{_MOST_ALIASES} aliases, by construction. Two guests of one device "
            f"look like one person with two addresses, and are taken for one. Then {int(found['webs'])} customers with "
            "240 devices each come in, each device in eight carts with fifteen others, as somebody may invent it. A "
            "look tells who is one customer, and who is suspected to be; each of these is looked at once."
        ),
        figures=[Figure(SIDE, name, unit, (float(found[key]),)) for name, unit, key in _FIGURES],
        goals=(
            Goal(MIXED, SIDE, "", customers * _MOST_MIXED_SHARE),
            Goal(LACKING, SIDE, "", 0),
            Goal(WEB, SIDE, "", _MOST_MICROS),
        ),
    )
