//! Strings that repeat: storefronts, time zones, languages become small numbers; items, categories and brands become
//! hashes that never change between platforms or releases.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Numbers for strings, in the order of their first appearance. At most 65,535 names; later ones are all unnamed.
#[derive(Clone, Default)]
pub(crate) struct Names {
    names: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, u16>,
}

/// The number of a name in [`Names`]; `Name::UNNAMED` where the bound was reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Name(u16);

impl Name {
    pub(crate) const UNNAMED: Self = Self(u16::MAX);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Names {
    /// The number of `name`, given now if it is new.
    pub(crate) fn number(&mut self, name: &str) -> Name {
        if let Some(number) = self.numbers.get(name) {
            return Name(*number);
        }
        let Ok(number) = u16::try_from(self.names.len()) else {
            return Name::UNNAMED;
        };
        if number == u16::MAX {
            return Name::UNNAMED;
        }
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        Name(number)
    }

    /// The string of a number; empty for the unnamed.
    pub(crate) fn name(&self, number: Name) -> &str {
        self.names.get(number.index()).map_or("", AsRef::as_ref)
    }

    /// The string of a number, shared.
    pub(crate) fn shared(&self, number: Name) -> Arc<str> {
        self.names.get(number.index()).map_or_else(Arc::default, Arc::clone)
    }

    /// All names in order of appearance.
    pub(crate) fn all(&self) -> &[Arc<str>] {
        &self.names
    }
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a over parts with a separator that UTF-8 cannot hold, finished with Murmur3's mixer.
pub(crate) fn short_hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = OFFSET;
    for part in parts {
        for byte in part.bytes().chain(std::iter::once(0xff)) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let mut names = Names::default();
        let first = names.number("a");
        let second = names.number("b");
        assert_ne!(first, second);
        assert_eq!(names.number("a"), first);
        assert_eq!(names.name(second), "b");
        assert_eq!(names.name(Name::UNNAMED), "");
    }

    #[test]
    fn the_boundaries_of_hashed_parts_count() {
        assert_ne!(short_hash(["ab", "c"]), short_hash(["a", "bc"]));
        assert_eq!(short_hash([]), short_hash(std::iter::empty()));
    }
}
