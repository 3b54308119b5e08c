//! Short codes, kept in place: whoever may track can invent as many as they like, and none takes another's room.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

const TAG_BYTES: usize = 12;

/// A code of at most twelve letters, digits and hyphens; empty where nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tag([u8; TAG_BYTES]);

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code: &str = Deserialize::deserialize(deserializer)?;
        Self::new(code).ok_or_else(|| D::Error::custom("not a short code"))
    }
}

impl Tag {
    /// `None` where the code has another form.
    pub(crate) fn new(code: &str) -> Option<Self> {
        let sound = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let mut bytes = [0; TAG_BYTES];
        bytes
            .get_mut(..code.len())
            .filter(|_| sound)?
            .copy_from_slice(code.as_bytes());
        Some(Self(bytes))
    }

    /// Language, script and region of a BCP 47 tag, further subtags left out; `None` where it names no language.
    pub(crate) fn language(locale: &str) -> Option<Self> {
        let is_letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_region = |part: &str| match part.len() {
            2 => is_letters(part),
            3 => part.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        let mut parts = locale.split(['-', '_']).peekable();
        let language = parts
            .next()
            .filter(|part| matches!(part.len(), 2..=3) && is_letters(part))?;
        let mut kept = language.to_owned();
        let script = parts.next_if(|part| part.len() == 4 && is_letters(part));
        for part in script.into_iter().chain(parts.next_if(|part| is_region(part))) {
            kept.push('-');
            kept.push_str(part);
        }
        Self::new(&kept)
    }

    pub(crate) fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(TAG_BYTES);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_keeps_language_script_and_region() {
        let language = |locale| Tag::language(locale).map(|tag| tag.as_str().to_owned());
        for (locale, kept) in [
            ("de", "de"),
            ("de_AT", "de-AT"),
            ("en-US-u-ca-gregory", "en-US"),
            ("zh-Hant-TW", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("de-x-invented", "de"),
        ] {
            assert_eq!(language(locale).as_deref(), Some(kept), "{locale}");
        }
        for locale in ["", "-", "d", "12", "invented", "größe"] {
            assert_eq!(language(locale), None, "{locale}");
        }
    }

    #[test]
    fn a_code_fits_or_is_none() {
        assert_eq!(Tag::new("US-TX").unwrap_or_default().as_str(), "US-TX");
        assert_eq!(Tag::new("123456789012").unwrap_or_default().as_str(), "123456789012");
        assert_eq!(Tag::new("1234567890123"), None);
        assert_eq!(Tag::new("a/b"), None);
    }
}
