//! Seals what only the dispatcher may read. The ephemeral key of a box is derived from the plaintext under the edge
//! key, so sealing needs no random numbers and the same event gives the same frame.

use crypto_box::PublicKey;
use crypto_box::aead::rand_core::{CryptoRng, Error, RngCore, impls};

use crate::keyed::Key;

/// Seals to one public key, or to nobody.
pub(super) struct Seal {
    recipient: Option<PublicKey>,
    key: Key,
}

impl Seal {
    pub(super) fn new(recipient: Option<[u8; 32]>, key: Key) -> Self {
        Self {
            recipient: recipient.map(PublicKey::from_bytes),
            key,
        }
    }

    /// The sealed box of `plaintext` (ephemeral key, then `XSalsa20Poly1305`), empty where nobody is to open it; `None`
    /// where the cipher refuses.
    pub(super) fn seal(&self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let Some(recipient) = &self.recipient else {
            return Some(Vec::new());
        };
        recipient.seal(&mut Derived::new(&self.key, plaintext), plaintext).ok()
    }
}

/// The output of the keyed hash of a plaintext, read as a stream of random bytes.
struct Derived(blake3::OutputReader);

impl Derived {
    fn new(key: &Key, plaintext: &[u8]) -> Self {
        let seed = key.hash("seal", &[plaintext]);
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        hasher.update(&seed).update(plaintext);
        Self(hasher.finalize_xof())
    }
}

impl RngCore for Derived {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Derived {}

#[cfg(test)]
mod tests {
    use crypto_box::SecretKey;

    use super::*;

    #[test]
    fn what_nobody_is_to_open_is_not_kept() {
        assert_eq!(Seal::new(None, Key([1; 32])).seal(b"joe@example.org"), Some(Vec::new()));
    }

    #[test]
    fn the_owner_of_the_secret_key_reads_it_and_two_plaintexts_share_no_key() {
        let secret = SecretKey::from_bytes([5; 32]);
        let seal = Seal::new(Some(secret.public_key().to_bytes()), Key([1; 32]));
        let first = seal.seal(b"joe@example.org").unwrap();
        let second = seal.seal(b"ann@example.org").unwrap();
        assert_eq!(secret.unseal(&first).unwrap(), b"joe@example.org");
        assert_ne!(first[..32], second[..32]);
        assert_eq!(seal.seal(b"joe@example.org").unwrap(), first);
    }
}
