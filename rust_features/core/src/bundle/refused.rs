//! Why a bundle is not loaded.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::SchemaDifference;
use crate::policy::PolicyFault;
use crate::trees::{ForestRefused, TreesRefused};

/// The two models of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// Log-odds without contact.
    Baseline,
    /// What an action adds.
    Effect,
}

impl fmt::Display for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Baseline => "baseline",
            Self::Effect => "effect",
        })
    }
}

/// Why a bundle is not loaded. Where several reasons hold, the first in the order of the checks.
#[derive(Debug, thiserror::Error)]
pub enum BundleRefused {
    /// A file cannot be read, or is larger than any file of a bundle.
    #[error("{path:?} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Manifest, signature or golden rows are not of their type.
    #[error("{path:?} is not a {expected}")]
    Unparsable {
        /// The file.
        path: PathBuf,
        /// The message type.
        expected: &'static str,
    },
    /// The manifest is signed with another key.
    #[error("signed with key {found}, not with {expected}")]
    KeyUnknown {
        /// The key id in the signature.
        found: String,
        /// The key id that this deployment trusts.
        expected: String,
    },
    /// The signature does not belong to the manifest's bytes.
    #[error("the signature does not belong to the manifest")]
    SignatureWrong,
    /// A pointer to the directory would activate another bundle than it names.
    #[error("{directory:?} holds bundle {id}; rename it to that")]
    DirectoryName {
        /// The directory.
        directory: PathBuf,
        /// The bundle in it.
        id: String,
    },
    /// The id is not the manifest's hash.
    #[error("the manifest names itself {found}, its content is {expected}")]
    IdWrong {
        /// The id it carries.
        found: String,
        /// The id its content has.
        expected: String,
    },
    /// Made for another engine.
    #[error("made for engine {found}, this is engine {expected}")]
    EngineVersion {
        /// The bundle's.
        found: String,
        /// This one's.
        expected: String,
    },
    /// Made for another feature table.
    #[error("trained on another feature schema: {0}; train again with this engine")]
    Schema(SchemaDifference),
    /// A path leads out of the bundle.
    #[error("{path:?} is not a plain path inside the bundle")]
    PathOutside {
        /// The path.
        path: String,
    },
    /// A file is not what was signed.
    #[error("{path:?} has hash {found}, the manifest says {expected}")]
    FileAltered {
        /// The file.
        path: String,
        /// Its hash.
        found: String,
        /// The hash that was signed.
        expected: String,
    },
    /// The manifest does not list a file that it needs.
    #[error("the manifest lists no {path:?}")]
    FileMissing {
        /// The file.
        path: String,
    },
    /// The policy cannot be followed.
    #[error("policy: {0}")]
    Policy(#[from] PolicyFault),
    /// A model is missing or of a kind that this engine does not evaluate.
    #[error("the {model} model is missing or of an unknown kind")]
    EvaluatorKind {
        /// Which.
        model: Model,
    },
    /// A model's features are not the table's, in its order.
    #[error("feature {index} of the {model} model is {found:?}, not {expected:?}")]
    ModelFeatures {
        /// Which.
        model: Model,
        /// The first place that differs.
        index: usize,
        /// The model's feature there; empty at its end.
        found: String,
        /// The table's feature there; empty at its end.
        expected: String,
    },
    /// A model file cannot be loaded.
    #[error("the {model} model: {error}")]
    Trees {
        /// Which.
        model: Model,
        /// Why.
        error: TreesRefused,
    },
    /// A forest that cannot be evaluated.
    #[error("the {model} model: {error}")]
    Forest {
        /// Which.
        model: Model,
        /// Why.
        error: ForestRefused,
    },
    /// A model file expects another number of features than the manifest names.
    #[error("the {model} model reads {found} features, the manifest names {expected}")]
    FeatureCount {
        /// Which.
        model: Model,
        /// What the file says.
        found: usize,
        /// What the manifest says.
        expected: usize,
    },
    /// There are no golden rows to check the models by.
    #[error("there are no golden rows")]
    NoGoldenRows,
    /// A golden row has not the models' number of features.
    #[error("golden row {row} has {found} features, not {expected}")]
    GoldenShape {
        /// Which row.
        row: usize,
        /// What it has.
        found: usize,
        /// What the models read.
        expected: usize,
    },
    /// A model does not reproduce a golden row bit for bit.
    #[error("golden row {row}: the {model} model answers {found:e}, the booster {expected:e}")]
    GoldenRow {
        /// Which row.
        row: usize,
        /// Which model.
        model: Model,
        /// The library's margin.
        found: f64,
        /// The booster's margin.
        expected: f64,
    },
}
