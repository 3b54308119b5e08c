//! The evaluator over a shared library that tl2cgen made of a `LightGBM` model: the one place with foreign code.
//!
//! Facts of tl2cgen 1.0.0: `predict` adds into its result, so it is zeroed; a missing value is −1 in the `missing`
//! member of the entry, NaN is not; any double whose low 32 bits are all ones reads as missing, which a widened
//! `f32` never is, save NaN.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use libloading::Library;
use smallvec::SmallVec;

use super::{Evaluator, action_at};
use crate::digest::Digest;

/// `union Entry { int missing; double fvalue; int qvalue; }` by its bits.
type Entry = u64;
type Predict = unsafe extern "C" fn(*mut Entry, c_int, *mut f64);

const MISSING: Entry = u64::MAX;
/// Private directories tried before giving up.
const DIRECTORY_TRIES: u32 = 1000;

/// Why a library is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum TreesRefused {
    /// The private copy could not be written.
    #[error("the private copy could not be written: {0}")]
    Copy(#[from] io::Error),
    /// The dynamic linker refused it, or a symbol is missing.
    #[error("the linker refused the library: {0}")]
    Link(#[from] libloading::Error),
    /// The model is not of the expected kind.
    #[error("{what} is {found}, not {expected}")]
    Shape {
        /// What differs.
        what: &'static str,
        /// What the library says.
        found: String,
        /// What this evaluator serves.
        expected: &'static str,
    },
}

/// A loaded library. It is closed when the last owner is gone, so a caller holds it while it evaluates.
#[derive(Debug)]
pub struct CompiledTrees {
    predict: Predict,
    features: usize,
    /// Keeps `predict` mapped.
    _library: Library,
}

impl CompiledTrees {
    /// Loads a library from its bytes, which the caller has verified. They are written to a file named after their
    /// hash (the linker takes a path that it knows for the library that it knows), removed as soon as it is mapped.
    ///
    /// # Errors
    /// Where the copy, the linking or the shape of the model fails.
    pub fn from_verified_bytes(bytes: &[u8]) -> Result<Self, TreesRefused> {
        let copy = PrivateCopy::write(bytes)?;
        // SAFETY: opening runs the library's initialisers; its bytes are signed by the key this deployment trusts.
        let library = unsafe { Library::new(&copy.file) }?;
        // SAFETY: the names and types are those of the header that tl2cgen generates with every library.
        let (predict, features) = unsafe {
            check_shape(&library)?;
            let features = library.get::<unsafe extern "C" fn() -> i32>(b"get_num_feature\0")?();
            (*library.get::<Predict>(b"predict\0")?, features)
        };
        let features = usize::try_from(features).map_err(|_| TreesRefused::Shape {
            what: "the number of features",
            found: features.to_string(),
            expected: "positive",
        })?;
        Ok(Self {
            predict,
            features,
            _library: library,
        })
    }
}

impl Evaluator for CompiledTrees {
    fn features(&self) -> usize {
        self.features
    }

    fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]) {
        out.fill(f64::NAN);
        let Some(width) = self.features.checked_sub(context.len()) else {
            return;
        };
        let mut entries: SmallVec<[Entry; 128]> = context.iter().map(|&value| entry(value)).collect();
        for (index, margin) in out.iter_mut().enumerate() {
            let Some(action) = action_at(actions, width, index) else {
                return;
            };
            entries.truncate(context.len());
            entries.extend(action.iter().map(|&value| entry(value)));
            *margin = 0.0;
            // SAFETY: `entries` holds as many entries as the library reads, `margin` is the one double it adds to,
            // and `_library` keeps the code mapped.
            unsafe { (self.predict)(entries.as_mut_ptr(), 1, margin) };
        }
    }
}

fn entry(value: f32) -> Entry {
    if value.is_nan() {
        MISSING
    } else {
        f64::from(value).to_bits()
    }
}

/// # Safety
/// The library must be one of tl2cgen's.
unsafe fn check_shape(library: &Library) -> Result<(), TreesRefused> {
    for (symbol, what) in [
        (&b"get_threshold_type\0"[..], "the type of thresholds"),
        (&b"get_leaf_output_type\0"[..], "the type of leaves"),
    ] {
        // SAFETY: both symbols are functions without arguments that return a static string.
        let found = unsafe {
            let name = library.get::<unsafe extern "C" fn() -> *const c_char>(symbol)?();
            CStr::from_ptr(name).to_string_lossy().into_owned()
        };
        if found != "float64" {
            return Err(TreesRefused::Shape {
                what,
                found,
                expected: "float64",
            });
        }
    }
    // SAFETY: a function without arguments that returns an int32_t.
    let targets = unsafe { library.get::<unsafe extern "C" fn() -> i32>(b"get_num_target\0")?() };
    if targets != 1 {
        let found = targets.to_string();
        return Err(TreesRefused::Shape {
            what: "the number of targets",
            found,
            expected: "1",
        });
    }
    let mut classes = 0;
    // SAFETY: it writes one int32_t per target, of which there is one.
    unsafe { library.get::<unsafe extern "C" fn(*mut i32)>(b"get_num_class\0")?(&raw mut classes) };
    if classes != 1 {
        let found = classes.to_string();
        return Err(TreesRefused::Shape {
            what: "the number of classes",
            found,
            expected: "1",
        });
    }
    Ok(())
}

/// A file in a directory that only this user can enter, removed when dropped.
struct PrivateCopy {
    directory: PathBuf,
    file: PathBuf,
}

impl PrivateCopy {
    fn write(bytes: &[u8]) -> io::Result<Self> {
        let directory = private_directory(&std::env::temp_dir())?;
        let file = directory.join(format!("{}.so", Digest::of(bytes)));
        let copy = Self { directory, file };
        File::create_new(&copy.file)?.write_all(bytes)?;
        Ok(copy)
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        // What cannot be removed is only a leftover of the temporary directory.
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_dir(&self.directory);
    }
}

fn private_directory(parent: &Path) -> io::Result<PathBuf> {
    let process = std::process::id();
    for attempt in 0..DIRECTORY_TRIES {
        let directory = parent.join(format!("cart-recovery-{process}-{attempt}"));
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| directory),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_library_are_refused() {
        let refused = CompiledTrees::from_verified_bytes(b"no library");
        assert!(matches!(refused, Err(TreesRefused::Link(_))));
    }

    #[test]
    fn no_copy_is_left_behind() {
        let copy = PrivateCopy::write(b"x").unwrap();
        let directory = copy.directory.clone();
        drop(copy);
        assert!(!directory.exists());
    }

    #[test]
    fn only_nan_reads_as_missing() {
        assert_eq!(entry(f32::NAN), MISSING);
        for value in [
            0.0,
            -0.0,
            f32::MIN_POSITIVE,
            f32::MAX,
            f32::INFINITY,
            f32::from_bits(0x3fff_ffff),
        ] {
            assert_ne!(entry(value) & 0xffff_ffff, 0xffff_ffff, "{value}");
        }
    }
}
