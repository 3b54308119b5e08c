"""Keys: made once, missed when lost, private, handed out by least privilege."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cart_recovery.keys import KeysError, bundle_signing_key, dispatcher_keys, ensure_keys, scorer_keys

PRIVATE = {"edge.key", "decision.key", "offer.key", "link.key", "contact.key", "bundle.key"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    keys = tmp_path / "data" / "keys"
    ensure_keys(keys)
    return keys


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def mark(directory: Path) -> Path:
    return directory.parent / "keys.made"


def test_first_start_makes_every_key_for_this_user_alone(directory: Path) -> None:
    made = contents(directory)
    assert made.keys() == PRIVATE | {"contact.pub", "bundle.pub"}
    assert {len(key) for key in made.values()} == {32}
    assert len(set(made.values())) == len(made)
    assert {oct((directory / name).stat().st_mode & 0o777) for name in PRIVATE} == {"0o600"}


def test_public_halves_belong_to_their_private_halves(directory: Path) -> None:
    made = contents(directory)
    contact = X25519PrivateKey.from_private_bytes(made["contact.key"]).public_key().public_bytes_raw()
    bundle = Ed25519PrivateKey.from_private_bytes(made["bundle.key"]).public_key().public_bytes_raw()
    assert (contact, bundle) == (made["contact.pub"], made["bundle.pub"])


def test_a_second_start_changes_nothing(directory: Path) -> None:
    before = contents(directory)
    ensure_keys(directory)
    assert contents(directory) == before


def test_processes_that_start_together_agree_on_one_set(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ensure_keys(keys), range(16)))
    made = contents(keys)
    assert made.keys() == PRIVATE | {"contact.pub", "bundle.pub"}
    assert (
        X25519PrivateKey.from_private_bytes(made["contact.key"]).public_key().public_bytes_raw() == made["contact.pub"]
    )


def test_a_scorer_needs_no_private_half(directory: Path) -> None:
    for name in ("contact.key", "bundle.key", "link.key"):
        (directory / name).unlink()
    assert scorer_keys(directory).contact_public == (directory / "contact.pub").read_bytes()


def test_a_dispatcher_needs_no_key_of_tokens_and_decisions(directory: Path) -> None:
    for name in ("edge.key", "decision.key", "offer.key", "bundle.key"):
        (directory / name).unlink()
    assert dispatcher_keys(directory).link == (directory / "link.key").read_bytes()


def test_a_host_with_a_public_half_alone_gets_no_pair_of_its_own(directory: Path) -> None:
    (directory / "bundle.key").unlink()
    public = (directory / "bundle.pub").read_bytes()
    ensure_keys(directory)
    assert not (directory / "bundle.key").exists()
    assert (directory / "bundle.pub").read_bytes() == public


def test_a_private_key_that_others_can_read_is_refused(directory: Path) -> None:
    (directory / "edge.key").chmod(0o644)
    with pytest.raises(KeysError, match=r"edge\.key can be read by others: run `chmod 600"):
        scorer_keys(directory)


def test_a_damaged_key_is_refused(directory: Path) -> None:
    (directory / "bundle.key").write_bytes(b"short")
    with pytest.raises(KeysError, match=r"bundle\.key holds 5 bytes, not 32"):
        bundle_signing_key(directory)


def test_a_missing_key_says_where_it_comes_from(directory: Path) -> None:
    (directory / "link.key").unlink()
    with pytest.raises(KeysError, match=r"link\.key is missing"):
        dispatcher_keys(directory)


@pytest.mark.parametrize("name", ["edge.key", "decision.key", "offer.key", "link.key"])
def test_a_lost_key_is_missed_and_not_made_anew(directory: Path, name: str) -> None:
    (directory / name).unlink()
    before = contents(directory)
    with pytest.raises(KeysError, match=rf"lacks {name}, .*: restore it from the backup"):
        ensure_keys(directory)
    assert contents(directory) == before


def test_a_lost_pair_is_missed(directory: Path) -> None:
    for name in ("contact.key", "contact.pub"):
        (directory / name).unlink()
    with pytest.raises(KeysError, match=r"lacks contact\.key, contact\.pub"):
        ensure_keys(directory)


def test_a_lost_public_half_follows_from_its_private_half(directory: Path) -> None:
    before = contents(directory)
    (directory / "contact.pub").unlink()
    ensure_keys(directory)
    assert contents(directory) == before


def test_a_lost_public_half_is_missed_where_it_stood_alone(directory: Path) -> None:
    (directory / "bundle.key").unlink()
    ensure_keys(directory)
    (directory / "bundle.pub").unlink()
    with pytest.raises(KeysError, match=r"lacks bundle\.pub"):
        ensure_keys(directory)


def test_all_keys_lost_at_once_are_missed(directory: Path) -> None:
    shutil.rmtree(directory)
    with pytest.raises(KeysError, match=r"lacks edge\.key, .*restore it from the backup"):
        ensure_keys(directory)
    assert not directory.exists()


def test_a_restored_key_is_taken_back(directory: Path) -> None:
    key = (directory / "edge.key").read_bytes()
    (directory / "edge.key").unlink()
    with pytest.raises(KeysError):
        ensure_keys(directory)
    (directory / "edge.key").write_bytes(key)
    (directory / "edge.key").chmod(0o600)
    ensure_keys(directory)
    assert scorer_keys(directory).edge == key


def test_a_first_start_that_was_cut_short_is_made_complete(directory: Path) -> None:
    mark(directory).unlink()
    edge = (directory / "edge.key").read_bytes()
    for name in ("link.key", "bundle.key", "bundle.pub"):
        (directory / name).unlink()
    ensure_keys(directory)
    assert contents(directory).keys() == PRIVATE | {"contact.pub", "bundle.pub"}
    assert (directory / "edge.key").read_bytes() == edge


def test_a_key_whose_mark_was_taken_away_is_made_anew(directory: Path) -> None:
    link = (directory / "link.key").read_bytes()
    (directory / "link.key").unlink()
    noted = mark(directory).read_text()
    mark(directory).write_text(noted.replace("link.key\n", ""))
    ensure_keys(directory)
    assert (directory / "link.key").read_bytes() != link
    assert mark(directory).read_text() == noted


def test_the_mark_holds_nothing_of_a_secret(directory: Path) -> None:
    words = set(mark(directory).read_text().split())
    assert words >= PRIVATE
    made = contents(directory)
    shown = {sha256(made[name]).hexdigest()[:16] for name in PRIVATE} | {made[name].hex() for name in PRIVATE}
    assert not words & shown
    assert sha256(made["contact.pub"]).hexdigest()[:16] in words


@pytest.mark.parametrize("store", ["nats/jetstream/$G", "spool/1"])
def test_a_journal_that_came_without_keys_gets_no_new_edge_key(tmp_path: Path, store: str) -> None:
    (tmp_path / store).mkdir(parents=True)
    with pytest.raises(KeysError, match="restore it from a backup"):
        ensure_keys(tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


def test_no_secret_stands_in_a_repr(directory: Path) -> None:
    shown = repr(scorer_keys(directory)) + repr(dispatcher_keys(directory))
    assert not any(repr(key) in shown for name, key in contents(directory).items() if name in PRIVATE)
