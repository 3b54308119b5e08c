//! Amounts as people write them.

/// Currencies without a minor unit.
const WHOLE: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
];
/// Currencies whose minor unit is a thousandth.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Minor units of a currency in words: "12.90 EUR".
pub(super) fn amount(minor: f64, currency: &str) -> String {
    let (scale, digits) = if WHOLE.contains(&currency) {
        (1.0, 0)
    } else if THOUSANDTHS.contains(&currency) {
        (1000.0, 3)
    } else {
        (100.0, 2)
    };
    format!("{:.digits$} {currency}", minor / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_unit_follows_the_currency() {
        assert_eq!(amount(1290.0, "EUR"), "12.90 EUR");
        assert_eq!(amount(1290.0, "JPY"), "1290 JPY");
        assert_eq!(amount(1290.0, "KWD"), "1.290 KWD");
    }
}
