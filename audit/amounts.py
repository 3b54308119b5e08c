"""Numbers as a person reads them: money, shares, durations, moments."""

from datetime import UTC, datetime

from cart_recovery.currencies import minor_unit_decimals


def money(minor: float, currency_code: str, *, signed: bool = False) -> str:
    """1230 minor units of EUR are "12.30 EUR"; with `signed`, a plus stands before a gain."""
    decimals = minor_unit_decimals(currency_code)
    sign = "+" if signed else ""
    return f"{minor / 10**decimals:{sign},.{decimals}f} {currency_code}".rstrip()


def share(value: float) -> str:
    """A share of .123 is "12.3 %"."""
    return f"{value:.1%}".replace("%", " %")


def duration(seconds: float) -> str:
    """The two largest units: "1 h 02 min"."""
    whole = round(seconds)
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"


def moment(micros: int) -> str:
    """Microseconds since 1970 as in "2026-11-03 18:00:05 UTC"."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def counted(count: int, noun: str) -> str:
    """As in "1 cart" and "1,200 carts"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
