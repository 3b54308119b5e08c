//! Every id is a type of its own: sixteen bytes behind the edge, shown as 32 hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Reads sixteen bytes; `None` for any other length.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads 32 hexadecimal digits of either case; `None` for anything else.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                hex_to_bytes(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; 32];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
                }
                formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }
    };
}

id!(
    /// Keyed hash of an outside id: what the edge lets through instead of the id.
    Token
);
id!(
    /// The random name of an identity key inside; the relay assigns it.
    Alias
);
id!(
    /// Keyed token of an event's id, scoped by storefront.
    EventId
);
id!(
    /// Keyed token of a cart's id, scoped by storefront.
    CartId
);
id!(
    /// Keyed token of an order's id, scoped by storefront.
    OrderId
);
id!(
    /// Keyed token of a session's id, scoped by storefront.
    SessionId
);
id!(
    /// Hash of (storefront, occasion, version, trigger, touch): the decision key.
    DecisionId
);
id!(
    /// Hash of (storefront, occasion, version, touch): the idempotency key of a send.
    SendId
);
id!(
    /// Hash of (storefront, product id).
    ProductKey
);
id!(
    /// Name of a spool: random and new at each start of a scorer; of an import, the hash of its file and map.
    SpoolId
);

const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

fn hex_to_bytes(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    // One look at the end whether all were digits: a branch per digit costs more than the conversion.
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen < 16).then_some(bytes)
}

/// The value of each hexadecimal digit, 255 for anything else.
const DIGITS: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        let digit = hex_digit(value);
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_form_reads_back() {
        let token = Token([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255]);
        assert_eq!(Token::from_hex(&token.to_string()), Some(token));
    }

    #[test]
    fn anything_but_32_digits_is_no_id() {
        assert_eq!(Token::from_hex("00"), None);
        assert_eq!(Token::from_hex(&"g".repeat(32)), None);
        assert_eq!(Token::from_hex(&"F".repeat(32)), Some(Token([255; 16])));
        assert_eq!(Token::from_bytes(&[0; 15]), None);
    }
}
