"""Who makes a call, as its quota counts callers."""

import ipaddress
from urllib.parse import unquote

import grpc


def caller_of(context: grpc.ServicerContext) -> str:
    """The first name of the caller's certificate, or without one the address it calls from."""
    names = context.peer_identities()
    if names:
        return bytes(next(iter(names))).decode(errors="replace")
    scheme, _, peer = unquote(context.peer()).partition(":")
    if scheme not in {"ipv4", "ipv6"}:
        return scheme
    address = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]"))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
