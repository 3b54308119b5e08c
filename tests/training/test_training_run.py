"""The starter's training run on the real engine: explore, replay, learn, compile, sign, load."""

import dataclasses
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cart_recovery.composition import BundleUnusable, ensure_bundle
from cart_recovery.keys import ensure_keys
from cart_recovery.settings import Settings
from cart_recovery.v1.bundle_pb2 import BundleManifest
from cart_recovery.v1.policy_pb2 import Policy
from rust_features import BundleRefused, Keys, feature_table, verify_bundle
from training.dataset import FeatureNames, decision_rows, label_ages
from training.policy import exploring_policies, read_policy
from training.report import BundleReport
from training.train import NothingToLearn, starter_settings, train
from training.workshop import TrainSettings, Workshop

pytestmark = pytest.mark.slow

STARTER = Path(__file__).resolve().parents[2] / "cart_recovery" / "starter"
POLICY = read_policy(STARTER / "policy.toml")
WINDOW_SECONDS = POLICY.company.attribution_window_seconds
PRIVATE_KEY = b"t" * 32
PUBLIC_KEY = Ed25519PrivateKey.from_private_bytes(PRIVATE_KEY).public_key().public_bytes_raw()


def keys(bundle_public: bytes = PUBLIC_KEY) -> Keys:
    contact = X25519PrivateKey.from_private_bytes(b"c" * 32).public_key().public_bytes_raw()
    return Keys(
        edge=b"e" * 32, decision=b"d" * 32, offer=b"o" * 32, contact_public=contact, bundle_public=bundle_public
    )


def settings(folder: Path) -> TrainSettings:
    return starter_settings(
        folder / "bundles", STARTER / "policy.toml", STARTER / "templates", PRIVATE_KEY, 1_767_225_600_000_000
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> BundleReport:
    said: list[str] = []
    made = train(settings(tmp_path_factory.mktemp("run")), said.append)
    assert len(said) >= 5
    return made


def explored(folder: Path, policy: Policy) -> pl.DataFrame:
    """The journal of a small shop that explores under the policy."""
    small = dataclasses.replace(settings(folder), carts=600)
    return Workshop(small, FeatureNames.of_engine(), folder, lambda _: None).explore(policy)[0]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return explored(tmp_path_factory.mktemp("journal"), POLICY)


def test_the_engine_loads_what_was_trained(report: BundleReport) -> None:
    assert verify_bundle(str(report.directory), keys=keys()) == report.bundle_id


@pytest.fixture
def copy(report: BundleReport, tmp_path: Path) -> Path:
    return Path(shutil.copytree(report.directory, tmp_path / report.bundle_id))


def test_the_engine_refuses_any_altered_file(copy: Path) -> None:
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        positions = range(0, len(whole), max(1, len(whole) // 40)) if path.name.startswith("manifest") else [0, -1]
        for position in positions:
            altered = bytearray(whole)
            altered[position] ^= 0x40
            # A new file: the one that stood here may be mapped.
            path.unlink()
            path.write_bytes(altered)
            with pytest.raises(BundleRefused):
                verify_bundle(str(copy), keys=keys())
        path.unlink()
        path.write_bytes(whole)
    verify_bundle(str(copy), keys=keys())


def test_the_engine_refuses_a_missing_file_and_another_key(copy: Path) -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(BundleRefused, match="signed with key"):
        verify_bundle(str(copy), keys=keys(bundle_public=other))
    (copy / "effect.forest").unlink()
    with pytest.raises(BundleRefused, match=r"effect\.forest"):
        verify_bundle(str(copy), keys=keys())


def test_the_manifest_says_what_it_was_trained_on(report: BundleReport) -> None:
    manifest = BundleManifest.FromString((report.directory / "manifest.pb").read_bytes())
    assert list(manifest.effect.features) == [row[0] for row in feature_table()]
    assert manifest.training_range.last_sequence > manifest.training_range.first_sequence > 0
    assert {metric.name for metric in manifest.metrics} == set(report.figures)
    assert manifest.gate_report.passed == report.passed
    assert len(manifest.policy.actions) == 12


def test_the_report_shows_calibration_qini_and_the_oracle_gap(report: BundleReport) -> None:
    page = (report.directory / "report.html").read_text()
    for words in ("Calibration", "Qini curve", "Share of the oracle gap", "<svg"):
        assert words in page
    assert "oracle" in report.summary()
    assert json.loads(json.dumps(report.as_json()))["bundle_id"] == report.bundle_id


def test_the_simulated_shop_trades_in_the_currency_of_the_policy(tmp_path: Path) -> None:
    policy = Policy()
    policy.CopyFrom(POLICY)
    policy.company.currency_code = "USD"
    policy.storefronts.add(storefront_id="shop", currency_code="GBP")
    assert (decision_rows(explored(tmp_path, policy), WINDOW_SECONDS)["propensity"] < 1).mean() > 0.5


def test_a_policy_that_no_shopper_can_be_written_to_by_is_told(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text((STARTER / "policy.toml").read_text().replace("CHANNEL_EMAIL", "CHANNEL_SMS"))
    with pytest.raises(NothingToLearn, match="no action of it was possible"):
        train(dataclasses.replace(settings(tmp_path), policy=policy, carts=300), lambda _: None)


@pytest.mark.parametrize(("text", "told"), [(None, "No such file"), ("actions = 3", "actions"), ("x", "policy.toml")])
def test_a_start_without_a_usable_policy_has_a_sentence_and_no_bundle(
    text: str | None, told: str, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    if text is not None:
        policy.write_text(text)
    own = Settings(data_directory=tmp_path, policy_path=policy)
    ensure_keys(own.keys_directory)
    with pytest.raises(BundleUnusable, match=f"the starter bundle cannot be trained: .*{told}"):
        ensure_bundle(own)


def test_the_starter_earns_more_than_any_single_action_and_spares_the_harmed(report: BundleReport) -> None:
    assert report.passed, report.findings
    assert report.figures["oracle_gap_share"] > report.figures["oracle_gap_share_constant"] + 0.1
    assert report.figures["contacted_harmed"] <= report.figures["contacted_rest"] / 2


def test_explored_propensities_are_those_of_the_shortlist(journal: pl.DataFrame) -> None:
    actions = len(exploring_policies(POLICY)[0].actions)
    rows = decision_rows(journal, WINDOW_SECONDS).filter(~pl.col("holdout"))
    chances = set(rows["propensity"].round(6).to_list())
    assert chances <= {1.0, round(1 / (actions + 1), 6)}
    chosen = rows.filter(pl.col("propensity") < 1)
    shares = chosen["action_id"].value_counts(normalize=True)["proportion"]
    assert len(shares) == actions + 1
    assert shares.min() == pytest.approx(1 / (actions + 1), abs=0.08)


def test_a_journal_replays_to_the_same_rows_and_labels_are_not_later_than_the_window(journal: pl.DataFrame) -> None:
    rows = decision_rows(journal, WINDOW_SECONDS)
    assert rows.equals(decision_rows(journal, WINDOW_SECONDS), null_equal=True)
    assert set(rows["known_after_seconds"]) <= set(label_ages(WINDOW_SECONDS))
    early = rows.filter(pl.col("known_after_seconds") < WINDOW_SECONDS)
    assert early["recovered"].all() and 0 < len(early) < rows["recovered"].sum()
    shorter = decision_rows(journal, WINDOW_SECONDS // 3)
    assert 0 < shorter["recovered"].sum() < rows["recovered"].sum()
    assert 0.05 < rows["recovered"].mean() < 0.5  # type: ignore[operator]
