"""Amounts as a person reads them."""

EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
"""ISO 4217 currencies whose minor unit is not a hundredth."""

SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "INR": "₹", "KRW": "₩"}
"""Currencies better known by sign than by code."""


def format_money(minor_units: int, currency_code: str) -> str:
    """Such as €1,234.50, or 1,234.50 SEK for a currency without a well-known sign."""
    exponent = EXPONENTS.get(currency_code, 2)
    whole, part = divmod(abs(minor_units), 10**exponent)
    amount = f"{whole:,}" if exponent == 0 else f"{whole:,}.{part:0{exponent}d}"
    sign = "-" if minor_units < 0 else ""
    symbol = SYMBOLS.get(currency_code)
    return f"{sign}{symbol}{amount}" if symbol else f"{sign}{amount} {currency_code}"
