//! A sound bundle that tests spoil before or after it is signed.

use std::path::Path;

use cart_recovery_core::ENGINE_VERSION;
use cart_recovery_core::contract::{
    ActionTemplate, BundleFile, BundleManifest, Channel, EvaluatorKind, GoldenRow, GoldenRows, ManifestSignature,
    ModelFile, Policy, StorefrontPolicy,
};
use cart_recovery_core::digest::Digest;
use cart_recovery_core::feature::{CONTEXT_COUNT, FEATURE_COUNT, TABLE, schema_hash};
use ed25519_dalek::{Signer, SigningKey};
use prost::Message;

use crate::model::{Model, build};

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
    /// A sound bundle; `None` where there is no compiler.
    pub(crate) fn new() -> Option<Self> {
        let baseline = model(CONTEXT_COUNT, 0.01);
        let effect = model(FEATURE_COUNT, 0.02);
        let rows = (0..4_u8).map(|row| golden_row(&baseline, &effect, row)).collect();
        Some(Self {
            manifest: BundleManifest {
                engine_version: ENGINE_VERSION.into(),
                feature_schema_hash: schema_hash(),
                baseline: Some(model_file("baseline.so", CONTEXT_COUNT)),
                effect: Some(model_file("effect.so", FEATURE_COUNT)),
                policy: Some(policy()),
                golden_rows_path: "golden.pb".into(),
                ..Default::default()
            },
            golden: GoldenRows { rows },
            baseline: build(&baseline)?,
            effect: build(&effect)?,
            signer: signer(),
        })
    }

    /// Hashes, names and signs it, and writes it to the directory; returns its id.
    pub(crate) fn write(mut self, directory: &Path) -> String {
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
        self.manifest.bundle_id
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

fn policy() -> Policy {
    let reminder = ActionTemplate {
        action_id: "email_reminder".into(),
        channel: Channel::Email.into(),
        template_key: "reminder".into(),
        ..ActionTemplate::default()
    };
    let company = StorefrontPolicy {
        currency_code: "EUR".into(),
        time_zone: "Europe/Berlin".into(),
        abandonment_seconds: Some(1800),
        attribution_window_seconds: Some(259_200),
        holdout_basis_points: Some(0),
        max_touches: Some(1),
        touch_gap_seconds: Some(86_400),
        margin_basis_points: Some(3000),
        return_basis_points: Some(0),
        ..StorefrontPolicy::default()
    };
    Policy {
        actions: vec![reminder],
        company: Some(company),
        ..Policy::default()
    }
}
