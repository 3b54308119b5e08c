//! The manifest: whose it is, whether it is what it says, and whether it was made for this engine.

use std::path::Path;

use ed25519_dalek::{Signature, VerifyingKey};
use prost::Message;

use super::{BundleRefused, SchemaDifference, files};
use crate::ENGINE_VERSION;
use crate::contract::{BundleManifest, ManifestSignature};
use crate::digest::Digest;
use crate::feature;

const MANIFEST: &str = "manifest.pb";
const SIGNATURE: &str = "manifest.sig";
const ID_DIGITS: usize = 32;
const KEY_ID_DIGITS: usize = 16;
/// How a manifest with an id begins: tag of field 1, then the length. Serialisers write fields in order, so the
/// manifest with an empty id is what follows the id.
const ID_PREFIX: [u8; 2] = [0x0a, 32];

/// Reads the manifest of a directory and verifies everything that is said about the manifest itself.
pub(super) fn verified(directory: &Path, public_key: &[u8; 32]) -> Result<BundleManifest, BundleRefused> {
    let bytes = files::read(directory, MANIFEST)?;
    verify_signature(directory, public_key, &bytes)?;
    let manifest = BundleManifest::decode(bytes.as_slice()).map_err(|_| BundleRefused::Unparsable {
        path: directory.join(MANIFEST),
        expected: "BundleManifest",
    })?;
    let unnamed = bytes
        .strip_prefix(&ID_PREFIX)
        .and_then(|bytes| bytes.get(ID_DIGITS..))
        .unwrap_or(&bytes);
    let expected = digits(Digest::of(unnamed), ID_DIGITS);
    if manifest.bundle_id != expected {
        return Err(BundleRefused::IdWrong {
            found: manifest.bundle_id,
            expected,
        });
    }
    if manifest.engine_version != ENGINE_VERSION {
        let expected = ENGINE_VERSION.to_owned();
        return Err(BundleRefused::EngineVersion {
            found: manifest.engine_version,
            expected,
        });
    }
    if manifest.feature_schema_hash != feature::schema_hash() {
        let effect = manifest.effect.unwrap_or_default();
        return Err(BundleRefused::Schema(SchemaDifference::of(&effect.features)));
    }
    Ok(manifest)
}

fn verify_signature(directory: &Path, public_key: &[u8; 32], manifest: &[u8]) -> Result<(), BundleRefused> {
    let signed = ManifestSignature::decode(files::read(directory, SIGNATURE)?.as_slice()).map_err(|_| {
        BundleRefused::Unparsable {
            path: directory.join(SIGNATURE),
            expected: "ManifestSignature",
        }
    })?;
    let expected = digits(Digest::of(public_key), KEY_ID_DIGITS);
    if signed.key_id != expected {
        return Err(BundleRefused::KeyUnknown {
            found: signed.key_id,
            expected,
        });
    }
    let wrong = |_| BundleRefused::SignatureWrong;
    let key = VerifyingKey::from_bytes(public_key).map_err(wrong)?;
    let signature = Signature::from_slice(&signed.signature).map_err(wrong)?;
    key.verify_strict(manifest, &signature).map_err(wrong)
}

fn digits(digest: Digest, count: usize) -> String {
    let mut digits = digest.to_string();
    digits.truncate(count);
    digits
}
