"""Puts the parts together: which keys, addresses and directories of the settings each of them gets."""

import shutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from cart_recovery.exits import CommandError
from cart_recovery.keys import DECISION_KEY, dispatcher_keys, write_decision_key
from cart_recovery.nats_server import running_url
from cart_recovery.releases import FIRST_START, ReleaseRefused, activate, active_bundle
from cart_recovery.settings import Settings, SettingsError, TlsSettings, split_address
from cart_recovery.terminal import Progress, note

if TYPE_CHECKING:
    from cart_recovery.v1.policy_pb2 import Policy
    from dispatcher.settings import DispatcherSettings, ScorerTls


class BundleUnusable(CommandError):
    """There is no bundle to decide with; the message says why and what helps."""


def dispatcher_settings(settings: Settings, nats_url: str) -> "DispatcherSettings":
    """The dispatcher's own settings. Raises KeysError, SettingsError."""
    from dispatcher.settings import DispatcherSettings, SmtpSettings

    keys = dispatcher_keys(settings.keys_directory)
    smtp = settings.smtp
    http_host, http_port = split_address(settings.http_address)
    credentials = settings.nats.credentials_file
    return DispatcherSettings(
        data_directory=settings.data_directory,
        contact_key=keys.contact,
        link_key=keys.link,
        bundle_public_key=keys.bundle_public,
        nats_url=nats_url,
        nats_credentials=str(credentials) if credentials else None,
        replicas=settings.nats.replicas,
        scorer_target=settings.scorer_address,
        scorer_tls=_scorer_tls(settings.tls),
        public_url=settings.public_url or f"http://{settings.http_address}",
        http_host=http_host,
        http_port=http_port,
        open_pixel=settings.open_pixel,
        email_provider=settings.email_provider,
        smtp=SmtpSettings(
            host=smtp.host,
            port=smtp.port,
            username=smtp.user,
            password=smtp.password.get_secret_value() if smtp.password else None,
            use_tls=smtp.tls == "tls",
            start_tls=smtp.tls == "starttls",
            ca_file=_certificates(smtp.ca_file),
        ),
        provider_timeout_seconds=smtp.timeout_seconds,
        jitter_seconds=settings.send_jitter_seconds,
    )


def _scorer_tls(tls: TlsSettings) -> "ScorerTls | None":
    """What the dispatcher shows and trusts. Raises SettingsError."""
    from dispatcher.settings import ScorerTls

    if tls.certificate_file is None or tls.key_file is None:
        return None
    if tls.ca_file is None:
        raise SettingsError(
            "settings: tls.ca_file: nothing is set; name the CAs that vouch for the scorer's certificate"
        )
    try:
        return ScorerTls(tls.ca_file.read_bytes(), tls.certificate_file.read_bytes(), tls.key_file.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"settings: tls: {error.filename} cannot be read: {error.strerror}; name a file that this user may read"
        ) from None


def _certificates(path: Path | None) -> Path | None:
    """The file itself, once it is known to hold certificates: the start tells what is wrong, not the first message."""
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:
            raise SettingsError(
                f"settings: smtp.ca_file: {str(path)!r} is refused: {error.strerror or error}; expected: a PEM file of "
                "certificates"
            ) from None
    return path


def active_policy(settings: Settings) -> "Policy":
    """The policy of the active bundle. Raises CommandError where none is active."""
    from cart_recovery.v1.bundle_pb2 import BundleManifest

    bundle_id = active_bundle(settings.bundles_directory)
    if bundle_id is None:
        raise CommandError(f"no bundle is active in {settings.bundles_directory}; run `cart-recovery train`")
    manifest = settings.bundles_directory / bundle_id / "manifest.pb"
    try:
        return BundleManifest.FromString(manifest.read_bytes()).policy
    except FileNotFoundError:
        raise CommandError(f"{manifest} is missing; activate another bundle with `cart-recovery release`") from None


def abandonment_micros(policy: "Policy") -> int:
    """The time of inactivity after which a cart counts as abandoned, the same in all storefronts."""
    return policy.company.abandonment_seconds * 1_000_000


def fresh_directory(directory: Path) -> Path:
    """Empties the directory of an earlier run and returns it. Raises CommandError where that run still goes on."""
    if running_url(directory / "nats") is not None:
        raise CommandError(f"another run uses {directory}; let it end first")
    if directory.is_dir():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    return directory


def borrow_release(owner: Settings, borrower: Settings, *, run_seed: bytes) -> None:
    """Lets a run in another data directory use the keys and the bundles of this one. Decisions draw from the run's
    own seed, which stands there as their key, so that they can be re-executed later."""
    (borrower.data_directory / "bundles").symlink_to(owner.bundles_directory.resolve(), target_is_directory=True)
    borrower.keys_directory.mkdir(mode=0o700)
    for path in owner.keys_directory.resolve().iterdir():
        if path.name != DECISION_KEY:
            (borrower.keys_directory / path.name).symlink_to(path)
    write_decision_key(borrower.keys_directory, run_seed)


def ensure_bundle(settings: Settings) -> str:
    """The id of the active bundle; where there is none, or this engine cannot load it, trains the starter bundle.

    Raises BundleUnusable.
    """
    bundle_id = active_bundle(settings.bundles_directory)
    if bundle_id is not None and _loadable(settings, bundle_id):
        return bundle_id
    try:
        from cart_recovery.bundle_training import TRAINING_FAULTS, train_bundle
    except ModuleNotFoundError as error:
        raise BundleUnusable(
            f"no bundle is active and {error.name} is missing for training one: install the extra `training`, or copy "
            f"a bundle into {settings.bundles_directory} and activate it"
        ) from None
    note("no usable bundle yet: the starter bundle is trained on the simulated shop, once")
    progress = Progress("training")
    try:
        report = train_bundle(settings, carts=None, progress=progress.show)
    except TRAINING_FAULTS as fault:
        raise BundleUnusable(f"the starter bundle cannot be trained: {fault}") from fault
    finally:
        progress.close()
    if not report.passed:
        findings = "; ".join(report.findings)
        raise BundleUnusable(f"the starter bundle has not passed its gate ({findings}); run `cart-recovery train`")
    try:
        activate(settings, report.bundle_id)
    except ReleaseRefused as refused:
        raise BundleUnusable(f"the starter bundle cannot be used: {refused}") from refused
    return report.bundle_id


def _loadable(settings: Settings, bundle_id: str) -> bool:
    """Whether this engine accepts the bundle. Only a refused starter bundle is replaced; another one is an error."""
    from pyserver.process import engine_keys
    from rust_features import BundleRefused, verify_bundle

    directory = settings.bundles_directory / bundle_id
    try:
        verify_bundle(str(directory), keys=engine_keys(settings))
    except BundleRefused as refused:
        if directory.is_dir() and _made_by(directory) != FIRST_START:
            raise BundleUnusable(f"the active bundle {bundle_id} cannot be used: {refused}") from refused
        return False
    return True


def _made_by(directory: Path) -> str:
    """What the manifest says of its origin; empty where it is damaged."""
    from google.protobuf.message import DecodeError

    from cart_recovery.v1.bundle_pb2 import BundleManifest

    try:
        return BundleManifest.FromString((directory / "manifest.pb").read_bytes()).created_by
    except (OSError, DecodeError):
        return ""
