"""Only a signed, whole bundle comes into force; a refused one leaves the one before."""

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from cart_recovery.v1.policy_pb2 import Policy, StorefrontPolicy
from dispatcher.bundle import BundleRefused, load_bundle
from dispatcher.policy import storefront_of
from dispatcher.release import ActiveRelease, load_release
from tests.dispatcher.world import policy, write_bundle

KEY = SigningKey(bytes(range(32)))
PUBLIC = bytes(KEY.verify_key)


def bundle_directory(tmp_path: Path, key: SigningKey = KEY) -> Path:
    return tmp_path / "bundles" / write_bundle(tmp_path, key, policy())


def test_signed_bundle_gives_policy_and_templates(tmp_path: Path) -> None:
    bundle = load_bundle(bundle_directory(tmp_path), PUBLIC)
    assert bundle.policy.company.brand_name == "Shop & Sons"
    assert "reminder.mjml.liquid" in bundle.template_sources


def test_signature_of_another_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused):
        load_bundle(bundle_directory(tmp_path, SigningKey.generate()), PUBLIC)


@pytest.mark.parametrize("name", ["manifest.pb", "manifest.sig", "templates/reminder.mjml.liquid"])
def test_altered_or_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    directory = bundle_directory(tmp_path)
    path = directory / name
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(BundleRefused):
        load_bundle(directory, PUBLIC)
    path.unlink()
    with pytest.raises(BundleRefused):
        load_bundle(directory, PUBLIC)


def test_file_that_the_manifest_does_not_name_is_not_loaded(tmp_path: Path) -> None:
    directory = bundle_directory(tmp_path)
    (directory / "templates" / "smuggled.subject.liquid").write_text("hello")
    assert "smuggled.subject.liquid" not in load_bundle(directory, PUBLIC).template_sources


def test_bundle_under_another_name_is_refused(tmp_path: Path) -> None:
    directory = bundle_directory(tmp_path)
    renamed = directory.rename(directory.with_name("f" * 32))
    with pytest.raises(BundleRefused):
        load_bundle(renamed, PUBLIC)


def test_activation_exchanges_the_release(tmp_path: Path) -> None:
    active = ActiveRelease(tmp_path, PUBLIC)
    first = write_bundle(tmp_path, KEY, policy())
    assert active.current().bundle_id == first
    second = write_bundle(tmp_path, KEY, policy(brand_name="Renamed"))
    assert active.current().bundle_id == second
    assert active.current().storefront("shop").brand_name == "Renamed"


@pytest.mark.parametrize(
    "mailbox", ["", "Shop", "Müller, Shop <carts@shop.example>", "Shop <carts@bücher.example>", "a@b.c, d@e.f"]
)
def test_sender_that_no_mail_can_carry_is_refused_by_name(tmp_path: Path, mailbox: str) -> None:
    bundle_id = write_bundle(tmp_path, KEY, policy(sender=mailbox))
    with pytest.raises(BundleRefused, match="sender of the company"):
        load_release(tmp_path / "bundles" / bundle_id, PUBLIC)


@pytest.mark.parametrize(
    "mailbox", ["carts@shop.example", '"Müller, Shop" <carts@shop.example>', "Müller <a@b.example>"]
)
def test_sender_with_a_name_of_any_letters_is_taken(tmp_path: Path, mailbox: str) -> None:
    bundle_id = write_bundle(tmp_path, KEY, policy(sender=mailbox, reply_to=mailbox))
    assert load_release(tmp_path / "bundles" / bundle_id, PUBLIC).storefront("").sender == mailbox


def test_refused_bundle_leaves_the_one_before_in_force(tmp_path: Path) -> None:
    active = ActiveRelease(tmp_path, PUBLIC)
    first = write_bundle(tmp_path, KEY, policy())
    assert active.current().bundle_id == first
    write_bundle(tmp_path, SigningKey.generate(), policy())
    assert active.current().bundle_id == first
    (tmp_path / "bundles" / "active").write_text("../../etc")
    assert active.current().bundle_id == first


def test_no_bundle_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused):
        ActiveRelease(tmp_path, PUBLIC).current()


def test_storefront_inherits_what_it_does_not_set() -> None:
    content = Policy(
        company=StorefrontPolicy(
            brand_name="Company", postal_address="1 Road", hosts=["company.example"], max_touches=3
        ),
        storefronts=[StorefrontPolicy(storefront_id="shop", brand_name="Shop", hosts=["Shop.example"])],
    )
    shop, unknown = storefront_of(content, "shop"), storefront_of(content, "elsewhere")
    assert (shop.brand_name, shop.postal_address, shop.max_touches) == ("Shop", "1 Road", 3)
    assert shop.hosts == frozenset({"shop.example"})
    assert (unknown.brand_name, unknown.hosts) == ("Company", frozenset({"company.example"}))
