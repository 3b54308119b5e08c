//! From a directory to a bundle, check by check.

use std::path::Path;
use std::sync::Arc;

use super::files::{self, Files};
use super::{Bundle, BundleRefused, Model, golden, manifest};
use crate::contract::{EvaluatorKind, ModelFile, Policy};
use crate::feature::{CONTEXT_COUNT, TABLE};
use crate::policy::Rules;
use crate::trees::{CompiledTrees, Evaluator, FactoredTrees};

/// Where templates lie in a bundle; a file's name begins with the template's key.
const TEMPLATES: &str = "templates/";

/// Verifies the bundle in a directory, which bears its id as name, under the Ed25519 public key and loads it.
///
/// # Errors
/// The first thing that is not as it should be; then nothing was loaded.
pub fn load(directory: &Path, public_key: &[u8; 32]) -> Result<Arc<Bundle>, BundleRefused> {
    let manifest = manifest::verified(directory, public_key)?;
    let files = files::read_listed(directory, &manifest)?;
    let policy = manifest.policy.unwrap_or_default();
    let rules = Rules::read(&policy)?;
    check_templates(&policy, &files)?;
    let names = TABLE.each_ref().map(|feature| feature.name);
    let context = names.get(..CONTEXT_COUNT).unwrap_or(&names);
    let baseline = load_model(Model::Baseline, manifest.baseline.as_ref(), context, &files)?;
    let effect = load_model(Model::Effect, manifest.effect.as_ref(), &names, &files)?;
    let path = manifest.golden_rows_path;
    let rows = files
        .get(&path)
        .ok_or_else(|| BundleRefused::FileMissing { path: path.clone() })?;
    golden::check(rows, &path, baseline.as_ref(), effect.as_ref())?;
    if directory.file_name().and_then(|name| name.to_str()) != Some(&manifest.bundle_id) {
        return Err(BundleRefused::DirectoryName {
            directory: directory.to_owned(),
            id: manifest.bundle_id,
        });
    }
    Ok(Arc::new(Bundle {
        id: manifest.bundle_id,
        feature_schema_hash: manifest.feature_schema_hash,
        rules,
        baseline,
        effect,
    }))
}

fn check_templates(policy: &Policy, files: &Files) -> Result<(), BundleRefused> {
    for action in &policy.actions {
        let path = format!("{TEMPLATES}{}.", action.template_key);
        if !files.keys().any(|file| file.starts_with(&path)) {
            return Err(BundleRefused::FileMissing { path });
        }
    }
    Ok(())
}

fn load_model(
    model: Model,
    file: Option<&ModelFile>,
    names: &[&str],
    files: &Files,
) -> Result<Box<dyn Evaluator>, BundleRefused> {
    let file = file.ok_or(BundleRefused::EvaluatorKind { model })?;
    check_names(model, &file.features, names)?;
    let bytes = files.get(&file.path).ok_or_else(|| BundleRefused::FileMissing {
        path: file.path.clone(),
    })?;
    let trees = evaluator(model, file.evaluator_kind(), bytes)?;
    if trees.features() != names.len() {
        return Err(BundleRefused::FeatureCount {
            model,
            found: trees.features(),
            expected: names.len(),
        });
    }
    Ok(trees)
}

fn evaluator(model: Model, kind: EvaluatorKind, bytes: &[u8]) -> Result<Box<dyn Evaluator>, BundleRefused> {
    match kind {
        EvaluatorKind::Unspecified => Err(BundleRefused::EvaluatorKind { model }),
        EvaluatorKind::Compiled => match CompiledTrees::from_verified_bytes(bytes) {
            Ok(trees) => Ok(Box::new(trees)),
            Err(error) => Err(BundleRefused::Trees { model, error }),
        },
        EvaluatorKind::Factored => match FactoredTrees::read(bytes) {
            Ok(trees) => Ok(Box::new(trees)),
            Err(error) => Err(BundleRefused::Forest { model, error }),
        },
    }
}

fn check_names(model: Model, found: &[String], expected: &[&str]) -> Result<(), BundleRefused> {
    for index in 0..found.len().max(expected.len()) {
        let found = found.get(index).map_or("", String::as_str);
        let expected = expected.get(index).copied().unwrap_or_default();
        if found != expected {
            let (found, expected) = (found.to_owned(), expected.to_owned());
            return Err(BundleRefused::ModelFeatures {
                model,
                index,
                found,
                expected,
            });
        }
    }
    Ok(())
}
