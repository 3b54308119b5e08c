"""Amounts as a person reads them."""

from cart_recovery.currencies import minor_unit_decimals

SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "INR": "₹", "KRW": "₩"}
"""Currencies better known by sign than by code."""


def format_money(minor_units: int, currency_code: str) -> str:
    """Such as €1,234.50, or 1,234.50 SEK for a currency without a well-known sign."""
    exponent = minor_unit_decimals(currency_code)
    whole, part = divmod(abs(minor_units), 10**exponent)
    amount = f"{whole:,}" if exponent == 0 else f"{whole:,}.{part:0{exponent}d}"
    sign = "-" if minor_units < 0 else ""
    symbol = SYMBOLS.get(currency_code)
    return f"{sign}{symbol}{amount}" if symbol else f"{sign}{amount} {currency_code}"
