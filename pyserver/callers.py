"""Who makes a call, as its quota counts callers."""

import ipaddress
from urllib.parse import unquote

import grpc

_NO_TEXT = b"other types of SAN"
"""What gRPC's core says of an alternative name that is neither DNS, e-mail, URI nor IP: the same of every caller's."""


def caller_of(context: grpc.ServicerContext) -> str:
    """The first name of the caller's certificate that is text, or without one the address it calls from."""
    shown = [*(context.peer_identities() or ()), *context.auth_context().get("x509_common_name", [])]
    for name in shown:
        if name != _NO_TEXT:
            return bytes(name).decode(errors="replace")
    scheme, _, peer = unquote(context.peer()).partition(":")
    if scheme not in {"ipv4", "ipv6"}:
        return scheme
    address = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]"))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
