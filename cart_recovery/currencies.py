"""How many decimals an amount of a currency has: the minor units of ISO 4217, list one."""

_UNUSUAL_DECIMALS = {
    **dict.fromkeys(
        (
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
            "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip


def minor_unit_decimals(currency_code: str) -> int:
    """The power of ten between major and minor unit; 2, as most currencies have, where the code is not known."""
    return _UNUSUAL_DECIMALS.get(currency_code, 2)
