"""Who shops: lasting traits, drawn once. Traits show in behaviour only; no event names them."""

import math
import random
from dataclasses import dataclass

from cart_recovery.v1.event_pb2 import Context, DeviceClass
from training.simulator.settings import ShopSettings

_PLACES = (
    ("de-DE", "Europe/Berlin", "DE"),
    ("fr-FR", "Europe/Paris", "FR"),
    ("nl-NL", "Europe/Amsterdam", "NL"),
    ("en-IE", "Europe/Dublin", "IE"),
)
_REFERRERS = ("https://search.example/results", "https://social.example/feed", "https://deals.example/coupons")
_GIVEN_NAMES = ("Ada", "Bruno", "Chiara", "Dirk", "Elif", "Femke", "Georg", "Hanna", "Ivo", "Jana", "Karel", "Lena")


@dataclass(slots=True)
class Shopper:
    """One shopper. `lessons`, `orders` and `visits` grow as the simulation goes on."""

    number: int
    name: str
    identified: bool
    consents: bool
    interest: float
    """Standard normal: how much the shopper wants to buy; shows in views and checkout steps."""
    thrift: float
    """In [0, 1]: how much an offer moves the shopper."""
    harmed: bool
    """Every contact lowers the chance of a purchase."""
    gaming: bool
    engagement: float
    """Multiplier of the open rate."""
    device: DeviceClass.ValueType
    direct: bool
    """Comes by the address bar rather than by a link."""
    context: Context
    lessons: int = 0
    """Offers received so far; a gaming shopper learns from each."""
    orders: int = 0
    visits: int = 0

    @property
    def address(self) -> str:
        """The shopper's e-mail address."""
        return f"shopper-{self.number}@shoppers.example"


def draw_shopper(number: int, settings: ShopSettings, rng: random.Random) -> Shopper:
    """Draws the traits; being harmed goes with desktops and direct visits, thrift with deal sites and phones."""
    harmed = rng.random() < settings.harmed_share
    thrift = 0.1 * rng.random() if harmed else rng.betavariate(0.35, 0.35)
    phone_share = 0.08 if harmed else 0.6 + 0.3 * thrift
    phone = rng.random() < phone_share
    device = DeviceClass.DEVICE_CLASS_PHONE if phone else DeviceClass.DEVICE_CLASS_DESKTOP
    locale, time_zone, country = rng.choice(_PLACES)
    identified = rng.random() < settings.identified_share
    return Shopper(
        number=number,
        name=rng.choice(_GIVEN_NAMES),
        identified=identified,
        consents=identified and rng.random() < settings.consent_share,
        interest=rng.gauss(0, 1),
        thrift=thrift,
        harmed=harmed,
        gaming=not harmed and rng.random() < settings.gaming_share,
        engagement=0.15 if harmed else rng.lognormvariate(0.1, 0.5),
        device=device,
        direct=rng.random() < (0.94 if harmed else 0.06),
        context=Context(device_class=device, locale=locale, time_zone=time_zone, country_code=country),
    )


def draw_referrer(shopper: Shopper, rng: random.Random) -> str:
    """Where this visit comes from; empty for a direct one."""
    if shopper.direct:
        return "" if rng.random() < 0.97 else _REFERRERS[0]
    if rng.random() < 0.06 + 0.9 * shopper.thrift:
        return _REFERRERS[2]
    return _REFERRERS[rng.randrange(2)]


def draw_hour_of_day(rng: random.Random) -> float:
    """Visits cluster in the evening."""
    return (19.0 + rng.gauss(0, 4.0)) % 24.0 if rng.random() < 0.75 else 24.0 * rng.random()


def draw_gap_days(settings: ShopSettings, rng: random.Random) -> float:
    """Days until the next visit, seldom fewer than 3: two carts of one shopper hardly ever share a window."""
    return 3.2 + rng.expovariate(1.0) * max(0.1, settings.days_between_visits - 3.2)


def logistic(log_odds: float) -> float:
    """Probability of log-odds."""
    return 1.0 / (1.0 + math.exp(-log_odds))


def log_odds(probability: float) -> float:
    """Log-odds of a probability strictly between 0 and 1."""
    return math.log(probability / (1.0 - probability))
