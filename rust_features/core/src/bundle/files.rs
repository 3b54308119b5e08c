//! Reading a bundle's files: bounded, inside the directory, and only as they were signed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use rustc_hash::FxHashMap;

use super::BundleRefused;
use crate::contract::BundleManifest;
use crate::digest::Digest;

/// No file of a bundle is larger.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// The verified bytes of every file that a manifest lists, by path.
pub(super) type Files = FxHashMap<String, Vec<u8>>;

/// Reads a file that lies directly under the directory.
pub(super) fn read(directory: &Path, name: &str) -> Result<Vec<u8>, BundleRefused> {
    let path = directory.join(name);
    read_bounded(&path).map_err(|error| BundleRefused::Unreadable { path, error })
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Reads every listed file, models included, and compares its hash.
pub(super) fn read_listed(directory: &Path, manifest: &BundleManifest) -> Result<Files, BundleRefused> {
    let models = manifest
        .baseline
        .iter()
        .chain(&manifest.effect)
        .map(|model| (&model.path, &model.hash));
    let others = manifest.files.iter().map(|file| (&file.path, &file.hash));
    let mut files = Files::default();
    for (path, expected) in models.chain(others) {
        if !is_plain(path) {
            return Err(BundleRefused::PathOutside { path: path.clone() });
        }
        let bytes = read(directory, path)?;
        let found = Digest::of(&bytes);
        if found.0.as_slice() != expected.as_slice() {
            let expected = expected
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .concat();
            return Err(BundleRefused::FileAltered {
                path: path.clone(),
                found: found.to_string(),
                expected,
            });
        }
        files.insert(path.clone(), bytes);
    }
    Ok(files)
}

fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_stay_inside() {
        assert!(is_plain("templates/reminder.mjml.liquid"));
        for path in ["", "/etc/passwd", "../other", "templates/../../other"] {
            assert!(!is_plain(path), "{path:?}");
        }
    }
}
