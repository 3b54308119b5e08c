//! Bundles for tests: one on disk, signed, with compiled models; one in memory with models that are formulas.

use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use prost::Message;

use super::Bundle;
use crate::ENGINE_VERSION;
use crate::contract::{
    BundleFile, BundleManifest, EvaluatorKind, GoldenRow, GoldenRows, ManifestSignature, ModelFile, Policy,
};
use crate::digest::Digest;
use crate::feature::{CONTEXT_COUNT, FEATURE_COUNT, TABLE, schema_hash};
use crate::policy::Rules;
use crate::trees::Evaluator;
use crate::trees::testing::{Model, build};

/// A bundle being written.
pub(crate) struct Draft {
    pub(crate) manifest: BundleManifest,
    pub(crate) golden: GoldenRows,
    pub(crate) baseline: Vec<u8>,
    pub(crate) effect: Vec<u8>,
    pub(crate) signer: SigningKey,
}

pub(crate) fn signer() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

impl Draft {
    /// A sound bundle with the policy; `None` where there is no compiler.
    pub(crate) fn new(policy: Policy) -> Option<Self> {
        let baseline = model(CONTEXT_COUNT, 0.01);
        let effect = model(FEATURE_COUNT, 0.02);
        let rows = (0..4_u8).map(|row| golden_row(&baseline, &effect, row)).collect();
        Some(Self {
            manifest: BundleManifest {
                engine_version: ENGINE_VERSION.into(),
                feature_schema_hash: schema_hash(),
                baseline: Some(model_file("baseline.so", CONTEXT_COUNT)),
                effect: Some(model_file("effect.so", FEATURE_COUNT)),
                policy: Some(policy),
                golden_rows_path: "golden.pb".into(),
                ..Default::default()
            },
            golden: GoldenRows { rows },
            baseline: build(&baseline)?,
            effect: build(&effect)?,
            signer: signer(),
        })
    }

    /// Hashes, names and signs it, and writes it to the directory.
    pub(crate) fn write(mut self, directory: &Path) {
        let golden = self.golden.encode_to_vec();
        let template = b"<mjml></mjml>".to_vec();
        let others = [("golden.pb", golden), ("templates/reminder.mjml.liquid", template)];
        std::fs::create_dir_all(directory.join("templates")).unwrap();
        for (model, bytes) in [
            (&mut self.manifest.baseline, &self.baseline),
            (&mut self.manifest.effect, &self.effect),
        ] {
            if let Some(model) = model {
                model.hash = Digest::of(bytes).0.to_vec();
                std::fs::write(directory.join(&model.path), bytes).unwrap();
            }
        }
        for (path, bytes) in others {
            std::fs::write(directory.join(path), &bytes).unwrap();
            self.manifest.files.push(BundleFile {
                path: path.into(),
                hash: Digest::of(&bytes).0.to_vec(),
            });
        }
        self.manifest.bundle_id = Digest::of(&self.manifest.encode_to_vec()).to_string()[..32].into();
        sign(&self.manifest, &self.signer, directory);
    }
}

/// Writes manifest and signature.
pub(crate) fn sign(manifest: &BundleManifest, signer: &SigningKey, directory: &Path) {
    let bytes = manifest.encode_to_vec();
    let signature = ManifestSignature {
        key_id: Digest::of(signer.verifying_key().as_bytes()).to_string()[..16].into(),
        signature: signer.sign(&bytes).to_bytes().to_vec(),
    };
    std::fs::write(directory.join("manifest.pb"), bytes).unwrap();
    std::fs::write(directory.join("manifest.sig"), signature.encode_to_vec()).unwrap();
}

fn model(features: usize, step: f64) -> Model {
    let weights = (0..features)
        .map(|index| step * f64::from(u32::try_from(index).unwrap() % 7))
        .collect();
    Model {
        features,
        weights,
        ..Model::default()
    }
}

fn model_file(path: &str, features: usize) -> ModelFile {
    ModelFile {
        path: path.into(),
        hash: Vec::new(),
        evaluator_kind: EvaluatorKind::Compiled.into(),
        features: TABLE[..features]
            .iter()
            .map(|feature| feature.name.to_owned())
            .collect(),
    }
}

fn golden_row(baseline: &Model, effect: &Model, row: u8) -> GoldenRow {
    let value = |index: usize| {
        if index % 5 == usize::from(row) {
            f32::NAN
        } else {
            f32::from(row) - 1.5
        }
    };
    let features: Vec<f32> = (0..FEATURE_COUNT).map(value).collect();
    GoldenRow {
        baseline_log_odds: baseline.margin(&features[..CONTEXT_COUNT]),
        effect_log_odds: effect.margin(&features),
        features,
    }
}

/// A model that is a formula.
pub(crate) struct Formula {
    features: usize,
    margin: fn(&[f32]) -> f64,
}

impl Evaluator for Formula {
    fn features(&self) -> usize {
        self.features
    }

    fn margins(&self, rows: &[f32], out: &mut [f64]) {
        for (row, margin) in rows.chunks_exact(self.features).zip(out) {
            *margin = (self.margin)(row);
        }
    }
}

/// A bundle in memory: even odds of 1 to 3 without contact, better the deeper the discount, and a little better for
/// any contact.
pub(crate) fn bundle(policy: &Policy) -> Bundle {
    let effect = |row: &[f32]| {
        row[CONTEXT_COUNT..]
            .iter()
            .map(|value| f64::from(*value).min(1.0) * 0.3)
            .sum()
    };
    Bundle {
        id: "0123456789abcdef0123456789abcdef".into(),
        feature_schema_hash: schema_hash(),
        rules: Rules::read(policy).unwrap(),
        baseline: Box::new(Formula {
            features: CONTEXT_COUNT,
            margin: |_| -1.1,
        }),
        effect: Box::new(Formula {
            features: FEATURE_COUNT,
            margin: effect,
        }),
    }
}
