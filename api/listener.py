"""The socket that the API listens on, opened by the supervisor and not by the API.

So a busy port is a clear error before anything is started, and while a dead API is started again its callers wait in
the socket's backlog instead of being refused.
"""

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.errors import SetupError

BACKLOG: Final = 2048  # connections; the kernel lowers it to its own limit (Linux: net.core.somaxconn)
_LISTENING: Final = "0A"  # TCP_LISTEN in /proc/net/tcp


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port`; port 0 takes a free one.

    Raises: SetupError: when that address cannot be had; it says who has it, where the system tells.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SetupError(
            f"CLONEPIPE_HOST is {host!r}, which is no address of this machine: {error.strerror}."
        ) from error
    # `localhost` may name ::1 as well; what is printed in READMEs is 127.0.0.1.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        # A port whose last connections are still fading (TIME_WAIT) is free; one with a listener is still busy.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SetupError(_explain(error, host, port)) from error
    return listener


def inherit(descriptor: int) -> socket.socket:
    """Return the listening socket that who started us left open. Raises: SetupError: when it is none."""
    try:
        listener = socket.socket(fileno=descriptor)
        is_listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "no descriptor has such a number"
        raise SetupError(f"--fd {descriptor} is no socket that this process was given: {why}.") from error
    if not is_listening:
        listener.detach()  # it is somebody else's
        raise SetupError(f"--fd {descriptor} is a socket, but none that listens.")
    return listener


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = _find_holder(port) or "another program"
        return (
            f"Port {port} on {host} is in use by {holder}. Stop that, or choose another with CLONEPIPE_PORT "
            "(0 takes a free one)."
        )
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}; choose one above 1023 with CLONEPIPE_PORT."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"CLONEPIPE_HOST is {host!r}, which is no address of this machine; 0.0.0.0 takes all of its addresses."
    return f"Cannot listen on {host} port {port}: {error.strerror}."


def _find_holder(port: int) -> str | None:
    """Return "name (process 123)" of who listens on a port. Only Linux tells, and only of what we may look into."""
    if sys.platform != "linux":
        return None
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone in the meantime, or another user's
            if any(str(descriptor.readlink()) in sockets for descriptor in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with contextlib.suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield inode
