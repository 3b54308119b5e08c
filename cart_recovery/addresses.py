"""Addresses to listen on: told to be unusable in one sentence that names the setting, best before anything runs."""

import errno
import random
import socket

from cart_recovery.exits import CommandError
from cart_recovery.settings import Settings, split_address

_CHOSEN_PORTS = range(10_000, 32_768)
"""Below those that the kernel gives to connections, which would take a port before its server listens."""


def free_address() -> str:
    """A loopback address whose port nobody uses at this moment."""
    return f"127.0.0.1:{free_port()}"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at this moment, picked at random: who asks at the same time gets another.

    Raises CommandError where none is free.
    """
    for port in random.sample(_CHOSEN_PORTS, len(_CHOSEN_PORTS)):
        if _bind_error(socket.AF_INET, ("127.0.0.1", port)) is None:
            return port
    raise CommandError("every port of 127.0.0.1 that could be chosen is in use; end some of what listens there")


def unusable(name: str, address: str, reason: str) -> CommandError:
    """What to raise where the address of a setting cannot be listened on."""
    return CommandError(f"{name} {address} cannot be used: {reason}; set another address, or end what listens there")


def require_free(settings: Settings, *names: str) -> None:
    """Raises CommandError for the first of these settings whose address another program listens on.

    Other faults of an address are left to the part that listens, which knows best how it resolves a name.
    """
    for name in names:
        address = getattr(settings, name)
        if address is not None and _in_use(address):
            raise unusable(name, address, "it is in use")


def _in_use(address: str) -> bool:
    host, port = split_address(address)
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return False
    return any(_bind_error(family, place) == errno.EADDRINUSE for family, _, _, _, place in places)


def _bind_error(family: int, place: tuple[object, ...]) -> int | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: connections of an earlier process that linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        return error.errno
    return None
