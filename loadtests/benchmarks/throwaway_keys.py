"""Keys for an engine that only folds: it needs them to be opened, and nothing is made with them."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from rust_features import Keys


def throwaway_keys() -> Keys:
    """Others with each call, but for those that are zeros."""
    return Keys(
        edge=bytes(32),
        decision=bytes(32),
        offer=bytes(32),
        contact_public=X25519PrivateKey.generate().public_key().public_bytes_raw(),
        bundle_public=Ed25519PrivateKey.generate().public_key().public_bytes_raw(),
    )
