"""Which bundle becomes the active one, and how one goes back."""

from pathlib import Path

import pytest

from cart_recovery.keys import bundle_signing_key, ensure_keys
from cart_recovery.releases import ReleaseRefused, activate, active_bundle, list_bundles, previous_bundle, rollback
from cart_recovery.settings import Settings, load_settings
from tests.harness.bundle import name_by_content, read_manifest, sign, write_bundle
from tests.harness.policy import quick_policy


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(data_directory=tmp_path)
    ensure_keys(made.keys_directory)
    return made


def bundle(settings: Settings, version: str, **company: str) -> str:
    policy = quick_policy()
    policy.version = version
    for field, value in company.items():
        setattr(policy.company, field, value)
    return write_bundle(settings.bundles_directory, bundle_signing_key(settings.keys_directory), policy)


def rewrite(settings: Settings, bundle_id: str, *, passed: bool, finding: str = "") -> str:
    """The same bundle with another gate report, signed again; returns its new id."""
    directory = settings.bundles_directory / bundle_id
    manifest = read_manifest(directory)
    manifest.gate_report.passed = passed
    if finding:
        manifest.gate_report.findings.append(finding)
    renamed = directory.rename(directory.with_name(name_by_content(manifest)))
    sign(renamed, manifest, bundle_signing_key(settings.keys_directory))
    return renamed.name


def test_activation_remembers_the_bundle_before_it(settings: Settings) -> None:
    first, second = bundle(settings, "1"), bundle(settings, "2")
    activate(settings, first)
    assert (active_bundle(settings.bundles_directory), previous_bundle(settings.bundles_directory)) == (first, None)
    activate(settings, second)
    activate(settings, second)
    assert (active_bundle(settings.bundles_directory), previous_bundle(settings.bundles_directory)) == (second, first)


def test_rollback_goes_back_once_and_repeating_it_changes_nothing(settings: Settings) -> None:
    first, second = bundle(settings, "1"), bundle(settings, "2")
    activate(settings, first)
    activate(settings, second)
    assert rollback(settings) == first
    with pytest.raises(ReleaseRefused, match="no bundle was active before"):
        rollback(settings)
    assert active_bundle(settings.bundles_directory) == first


def test_bundle_that_has_not_passed_its_gate_does_not_become_active(settings: Settings) -> None:
    sound = bundle(settings, "1")
    activate(settings, sound)
    failed = rewrite(
        settings, bundle(settings, "2"), passed=False, finding="the models predict no better than the mean"
    )
    with pytest.raises(ReleaseRefused, match="no better than the mean"):
        activate(settings, failed)
    assert active_bundle(settings.bundles_directory) == sound


def test_bundle_that_only_the_dispatcher_refuses_does_not_become_active(settings: Settings) -> None:
    unsendable = bundle(settings, "1", sender="Shop, Ltd <carts@shop.example>")
    with pytest.raises(ReleaseRefused, match="sender of the company"):
        activate(settings, unsendable)
    assert active_bundle(settings.bundles_directory) is None


def test_copy_under_another_name_is_refused(settings: Settings) -> None:
    original = settings.bundles_directory / bundle(settings, "1")
    copied = original.rename(original.with_name("f" * 32))
    with pytest.raises(ReleaseRefused, match="rename it"):
        activate(settings, copied.name)


def test_damaged_manifest_is_left_out_of_the_list(settings: Settings) -> None:
    whole, damaged = bundle(settings, "1"), bundle(settings, "2")
    manifest = settings.bundles_directory / damaged / "manifest.pb"
    manifest.write_bytes(manifest.read_bytes()[:-3])
    assert [one.bundle_id for one in list_bundles(settings.bundles_directory)] == [whole]
