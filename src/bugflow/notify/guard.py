"""What is sent to an address that a person chose must not reach into the network that BugFlow runs in."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

_thread = threading.local()
_installing = threading.Lock()
_installed = False


class PrivateReceiver(Exception):  # noqa: N818 - no error of this program: the receiver's address is the matter
    """The receiver is in a private network."""


def is_public(host: str) -> bool:
    """Whether an IP address is one of the open internet. A name is not looked up: `localhost` alone is known."""
    try:
        found = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        name = host.casefold().rstrip(".")
        return name != "localhost" and not name.endswith((".localhost", ".local", ".internal"))
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


@contextmanager
def public_only() -> Iterator[None]:
    """Let this thread connect to public addresses only, whichever library it sends with.

    The address is looked at when the connection is made, after the name was resolved, so that no name server can say
    one thing to the check and another one to the sender.

    Raises:
        PrivateReceiver: A connection to another address was tried; nothing was sent.
    """
    _install()
    _thread.is_guarded = True
    try:
        yield
    finally:
        _thread.is_guarded = False


def _install() -> None:
    global _installed  # noqa: PLW0603 - an audit hook cannot be taken out, so it is put in once
    with _installing:
        if not _installed:
            sys.addaudithook(_refuse_private)
            _installed = True


def _refuse_private(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect" or not getattr(_thread, "is_guarded", False):
        return
    connecting, address = arguments
    if not isinstance(connecting, socket.socket):
        raise PrivateReceiver
    is_internet = connecting.family in {socket.AF_INET, socket.AF_INET6}
    if not (is_internet and isinstance(address, tuple) and is_public(str(address[0]))):
        connecting.close()  # callers close it at an OSError only, and try the next address then, which this must not
        raise PrivateReceiver
