//! A bundle is loaded whole or refused with its reason.

use std::path::Path;

use cart_recovery_core::bundle::{Bundle, BundleRefused, Model, load};
use cart_recovery_core::contract::{BundleFile, BundleManifest};

use crate::draft::{Draft, sign, signer};

fn load_from(directory: &Path) -> Result<std::sync::Arc<Bundle>, BundleRefused> {
    load(directory, signer().verifying_key().as_bytes())
}

/// The refusal of a bundle that was spoilt before it was signed; `None` where there is no compiler.
fn refusal_of(spoil: impl FnOnce(&mut Draft)) -> Option<BundleRefused> {
    let directory = tempfile::tempdir().unwrap();
    let mut draft = Draft::new()?;
    spoil(&mut draft);
    draft.write(directory.path());
    Some(load_from(directory.path()).unwrap_err())
}

/// The refusal of a sound bundle whose file was changed after it was signed.
fn refusal_after(path: &str, change: impl FnOnce(&mut [u8])) -> Option<BundleRefused> {
    let directory = tempfile::tempdir().unwrap();
    Draft::new()?.write(directory.path());
    let path = directory.path().join(path);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    Some(load_from(directory.path()).unwrap_err())
}

fn flip(bytes: &mut [u8]) {
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
}

macro_rules! refused {
    ($refusal:expr, $variant:pat) => {
        if let Some(refusal) = $refusal {
            assert!(matches!(refusal, $variant), "{refusal:?}");
        }
    };
}

#[test]
fn a_sound_bundle_is_loaded_from_the_directory_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let Some(draft) = Draft::new() else { return };
    let copied = folder.path().join("copy");
    let id = draft.write(&copied);
    refused!(load_from(&copied).err(), BundleRefused::DirectoryName { .. });
    let named = folder.path().join(&id);
    std::fs::rename(&copied, &named).unwrap();
    let bundle = load_from(&named).unwrap();
    assert_eq!(bundle.id, id);
    assert_eq!(bundle.rules.actions.len(), 1);
}

#[test]
fn an_altered_manifest_is_refused() {
    refused!(refusal_after("manifest.pb", flip), BundleRefused::SignatureWrong);
}

#[test]
fn an_altered_signature_is_refused() {
    refused!(refusal_after("manifest.sig", flip), BundleRefused::SignatureWrong);
}

#[test]
fn every_altered_file_is_refused() {
    for path in [
        "baseline.so",
        "effect.so",
        "golden.pb",
        "templates/reminder.mjml.liquid",
    ] {
        refused!(refusal_after(path, flip), BundleRefused::FileAltered { .. });
    }
}

#[test]
fn a_missing_directory_is_refused() {
    let refusal = load_from(Path::new("no such bundle")).unwrap_err();
    assert!(matches!(refusal, BundleRefused::Unreadable { .. }));
}

#[test]
fn another_key_is_refused() {
    let spoil = |draft: &mut Draft| draft.signer = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    refused!(refusal_of(spoil), BundleRefused::KeyUnknown { .. });
}

#[test]
fn an_id_that_is_not_the_hash_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = BundleManifest {
        bundle_id: "0".repeat(32),
        ..Default::default()
    };
    sign(&manifest, &signer(), directory.path());
    let refusal = load_from(directory.path()).unwrap_err();
    assert!(matches!(refusal, BundleRefused::IdWrong { .. }));
}

#[test]
fn another_engine_is_refused() {
    let engine = |draft: &mut Draft| draft.manifest.engine_version = "0".into();
    refused!(refusal_of(engine), BundleRefused::EngineVersion { .. });
}

#[test]
fn another_feature_schema_is_refused_by_the_name_of_a_feature() {
    let check = |change: fn(&mut Vec<String>), told: &str| {
        let spoil = |draft: &mut Draft| {
            draft.manifest.feature_schema_hash = "0".into();
            change(&mut draft.manifest.effect.as_mut().unwrap().features);
        };
        let Some(refusal) = refusal_of(spoil) else { return };
        let sentence = format!("trained on another feature schema: {told}; train again with this engine");
        assert_eq!(refusal.to_string(), sentence);
    };
    check(
        |names| names[3] = "cart_weight".into(),
        r#"feature "cart_weight" is gone"#,
    );
    check(|names| drop(names.remove(3)), r#"feature "cart_highest_price" is new"#);
    check(|names| names.swap(1, 2), r#"feature "cart_lines" has moved"#);
    check(|_| (), "a feature has another unit");
}

#[test]
fn a_policy_that_cannot_be_followed_is_refused() {
    let spoil = |draft: &mut Draft| draft.manifest.policy = None;
    refused!(refusal_of(spoil), BundleRefused::Policy(_));
}

#[test]
fn an_action_without_its_template_is_refused() {
    let spoil = |draft: &mut Draft| {
        draft.manifest.policy.as_mut().unwrap().actions[0].template_key = "remind".into();
    };
    refused!(refusal_of(spoil), BundleRefused::FileMissing { .. });
}

#[test]
fn a_model_of_other_features_is_refused() {
    let swapped = |draft: &mut Draft| draft.manifest.effect.as_mut().unwrap().features.swap(0, 1);
    refused!(
        refusal_of(swapped),
        BundleRefused::ModelFeatures {
            model: Model::Effect,
            index: 0,
            ..
        }
    );
    let crossed = |draft: &mut Draft| draft.baseline.clone_from(&draft.effect);
    refused!(
        refusal_of(crossed),
        BundleRefused::FeatureCount {
            model: Model::Baseline,
            ..
        }
    );
    let unknown = |draft: &mut Draft| draft.manifest.baseline.as_mut().unwrap().evaluator_kind = 0;
    refused!(
        refusal_of(unknown),
        BundleRefused::EvaluatorKind { model: Model::Baseline }
    );
    let broken = |draft: &mut Draft| draft.effect = b"no library".to_vec();
    refused!(
        refusal_of(broken),
        BundleRefused::Trees {
            model: Model::Effect,
            ..
        }
    );
}

#[test]
fn golden_rows_are_checked_to_the_last_bit() {
    let off = |draft: &mut Draft| {
        let margin = &mut draft.golden.rows[2].effect_log_odds;
        *margin = f64::from_bits(margin.to_bits() + 1);
    };
    refused!(
        refusal_of(off),
        BundleRefused::GoldenRow {
            row: 2,
            model: Model::Effect,
            ..
        }
    );
    let short = |draft: &mut Draft| draft.golden.rows[0].features.truncate(3);
    refused!(refusal_of(short), BundleRefused::GoldenShape { row: 0, .. });
    let none = |draft: &mut Draft| draft.golden.rows.clear();
    refused!(refusal_of(none), BundleRefused::NoGoldenRows);
}

#[test]
fn a_path_out_of_the_bundle_is_refused() {
    let spoil = |draft: &mut Draft| {
        draft.manifest.files.push(BundleFile {
            path: "../key".into(),
            hash: Vec::new(),
        });
    };
    refused!(refusal_of(spoil), BundleRefused::PathOutside { .. });
}
