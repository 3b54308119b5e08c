"""The release in force: the active bundle's policy and templates, exchanged when another bundle becomes active."""

from dataclasses import dataclass
from pathlib import Path

import structlog

from cart_recovery.v1.policy_pb2 import Policy
from dispatcher.bundle import BundleRefused, active_bundle_id, load_bundle
from dispatcher.policy import Storefront, sender_faults, storefront_of
from dispatcher.templates import TemplateSet

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Release:
    """One verified bundle, ready for use."""

    bundle_id: str
    policy: Policy
    templates: TemplateSet

    def storefront(self, storefront_id: str) -> Storefront:
        """The storefront's settings."""
        return storefront_of(self.policy, storefront_id)


class ActiveRelease:
    """Follows `bundles/active`. A refused bundle leaves the one before it in force."""

    def __init__(self, data_directory: Path, public_key: bytes) -> None:
        self._data_directory = data_directory
        self._public_key = public_key
        self._release: Release | None = None
        self._refused_id: str | None = None

    def current(self) -> Release:
        """The release in force. Raises BundleRefused where there is none."""
        bundle_id = active_bundle_id(self._data_directory)
        in_force = self._release
        if bundle_id is None:
            if in_force is None:
                raise BundleRefused("no bundle is active")
            return in_force
        if in_force is not None and bundle_id in (in_force.bundle_id, self._refused_id):
            return in_force
        try:
            self._release = self._load(bundle_id)
        except BundleRefused as error:
            log.error("bundle_refused", bundle_id=bundle_id, cause=str(error))
            self._refused_id = bundle_id
            if in_force is None:
                raise
        else:
            self._refused_id = None
            log.info("bundle_in_force", bundle_id=bundle_id)
        assert self._release is not None
        return self._release

    def _load(self, bundle_id: str) -> Release:
        if Path(bundle_id).name != bundle_id:
            raise BundleRefused("the active pointer is not a bundle id")
        return load_release(self._data_directory / "bundles" / bundle_id, self._public_key)


def load_release(directory: Path, public_key: bytes) -> Release:
    """The bundle in `directory`, verified, with templates that are whole and senders that mail can carry. Raises
    BundleRefused."""
    bundle = load_bundle(directory, public_key)
    if faults := sender_faults(bundle.policy):
        raise BundleRefused("; ".join(faults))
    return Release(bundle.bundle_id, bundle.policy, TemplateSet(bundle.template_sources))
