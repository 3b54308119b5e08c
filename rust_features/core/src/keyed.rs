//! Keyed hashing: the one way in which tokens, keys and seeds are derived.

/// An id and its storefront fit here in nearly every case. For so few bytes the set-up of a streaming hasher costs
/// more than the hash.
const JOINED_BYTES: usize = 128;

/// A 32-byte secret or run seed under which hashes are taken.
#[derive(Clone)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// Hashes the parts, each with its length before it, so that no two different lists hash alike.
    /// `purpose` separates the uses of one key.
    #[must_use]
    pub fn hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
        let parts = || std::iter::once(purpose.as_bytes()).chain(parts.iter().copied());
        let mut joined = [0; JOINED_BYTES];
        let hash = join(parts(), &mut joined).map_or_else(
            || stream(&self.0, parts()),
            |length| blake3::keyed_hash(&self.0, &joined[..length]),
        );
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.as_bytes()[..16]);
        digest
    }

    /// The first eight bytes of [`Key::hash`], for seeds and shares.
    #[must_use]
    pub fn hash_u64(&self, purpose: &str, parts: &[&[u8]]) -> u64 {
        let digest = self.hash(purpose, parts);
        u64::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ])
    }
}

/// The parts with their lengths in one place, and how long that is; `None` where they do not fit.
fn join<'a>(parts: impl Iterator<Item = &'a [u8]>, joined: &mut [u8; JOINED_BYTES]) -> Option<usize> {
    let mut length = 0;
    for part in parts {
        for bytes in [&length_of(part), part] {
            let end = length + bytes.len();
            joined.get_mut(length..end)?.copy_from_slice(bytes);
            length = end;
        }
    }
    Some(length)
}

fn stream<'a>(key: &[u8; 32], parts: impl Iterator<Item = &'a [u8]>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(&length_of(part)).update(part);
    }
    hasher.finalize()
}

/// No message is near four gigabytes. Four bytes rather than eight keep a UUID, its storefront and the purpose in one
/// block of the hash, which halves its cost.
fn length_of(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Unkeyed hash for ids that hide nothing: decision keys, product keys, cart versions.
#[must_use]
pub fn public_hash(purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
    Key([0; 32]).hash(purpose, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundaries_of_the_parts_count() {
        let key = Key([7; 32]);
        assert_ne!(key.hash("p", &[b"ab", b"c"]), key.hash("p", &[b"a", b"bc"]));
        assert_ne!(key.hash("p", &[b"a"]), key.hash("q", &[b"a"]));
        assert_ne!(key.hash("p", &[b"a"]), Key([8; 32]).hash("p", &[b"a"]));
    }

    #[test]
    fn the_hash_is_that_of_a_stream_whatever_the_length() {
        let key = Key([7; 32]);
        for length in (0..2 * JOINED_BYTES).chain([5000]) {
            let part = vec![b'a'; length];
            let streamed = stream(&key.0, [b"p".as_slice(), &part].into_iter());
            assert_eq!(key.hash("p", &[&part]), streamed.as_bytes()[..16]);
        }
    }
}
