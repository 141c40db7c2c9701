"""The keeper of the embedded broker: sees to it that one server, and never two, writes the append-only file.

    python -m shared.keeper FOLDER SOCKET SERVER…

A server takes over the socket file of another without asking and opens the same append-only file; two of them would
interleave their writes in it. So the keeper holds two locks in the folder. `keeper.lock` is its own and says that a
living clonepipe uses this folder. `server.lock` is inherited by the server and held until that very process is gone,
even where the keeper was killed before it; it cannot be outlived or forgotten, because the kernel keeps it.

Imports nothing heavy: a broker that was killed is back in a fraction of a second.
"""

import contextlib
import fcntl
import os
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared import leash
from shared.errors import SetupError

PIDFILE: Final = "server.pid"
KEEPER_LOCK, SERVER_LOCK = "keeper.lock", "server.lock"
_KEEPER_WAIT_S: Final = leash.GRACE_S + 1  # the keeper of a killed clonepipe may still be ending its server
_SERVER_WAIT_S: Final = 2.0
_LOCK_POLL_S: Final = 0.02

_SOL_LOCAL, _LOCAL_PEERPID = 0, 2  # sys/un.h of macOS


def keep(folder: Path, socket_path: Path, server: Sequence[str], *, wait_s: float = _KEEPER_WAIT_S) -> int:
    """Run the server on `folder` until it ends; return its exit code, or 128+n where signal n ended it.

    Whoever else uses the folder is waited for, up to `wait_s`.

    Raises: SetupError: when the folder cannot be used, or another clonepipe or server uses it.
    """
    make_private(folder)
    if lock(folder / KEEPER_LOCK, wait_s=wait_s) is None:
        raise SetupError(
            f"Another clonepipe already runs the embedded broker of {folder.parent}. "
            "Stop that one, or give this one a folder of its own with CLONEPIPE_DATA_DIR."
        )
    evict_stale(socket_path)
    server_lock = lock(folder / SERVER_LOCK, wait_s=min(wait_s, _SERVER_WAIT_S))
    if server_lock is None:
        raise SetupError(
            f"A broker of an earlier run still writes to {folder} and does not answer; end it by hand: "
            f"its process id is {_read_pid(folder / PIDFILE) or 'not known'}."
        )
    return leash.run(server, pass_fds=(server_lock,))


def evict_stale(socket_path: Path, *, grace_s: float = leash.GRACE_S) -> bool:
    """End a server of an earlier life that still listens on the socket; remove the socket file it leaves.

    Returns whether there was one. It is told SHUTDOWN without a modifier: with the append-only file on, every form of
    the command flushes and syncs that file before the exit; NOSAVE and SAVE only speak of the snapshot, which our
    `save ""` switches off, and the plain form is right for a server with any other configuration too. One that does
    not obey in `grace_s` (frozen, or its disk is) is killed, which costs at most the second that `everysec` allows.
    """
    evicted = False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(grace_s)
        try:
            line.connect(os.fspath(socket_path))
        except (FileNotFoundError, ConnectionRefusedError):
            pass  # nobody there; what is left is a name
        except OSError:
            return False  # alive and not to be reached: the server's lock will tell
        else:
            evicted = True
            process_id = _peer_process(line)
            if not _shuts_down(line):
                with contextlib.suppress(OSError):
                    os.kill(process_id, signal.SIGKILL)
    socket_path.unlink(missing_ok=True)
    return evicted


def _shuts_down(line: socket.socket) -> bool:
    """Tell whether the server hung up when asked to shut down; a reply is a refusal."""
    try:
        line.sendall(b"SHUTDOWN\r\n")
        return line.recv(1) == b""
    except ConnectionError:
        return True
    except OSError:
        return False


def _peer_process(line: socket.socket) -> int:
    """Return the id of the process that listens at the other end of a unix socket."""
    if sys.platform == "darwin":
        return line.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)
    process_id, _user, _group = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(process_id)


def make_private(folder: Path) -> None:
    """Make a folder that only this user may enter, or see that it is one.

    Raises: SetupError: when it is another user's, a link, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            folder.chmod(0o700)
            return
    except OSError as error:
        raise SetupError(f"Cannot use the folder {folder} for the embedded broker: {error.strerror}.") from error
    raise SetupError(
        f"{folder} is no folder of this user (owner {found.st_uid}, we are {os.getuid()}), so somebody else could "
        "read or replace the embedded broker's socket in it. Remove it, or choose another CLONEPIPE_DATA_DIR."
    )


def lock(path: Path, *, wait_s: float) -> int | None:
    """Return a descriptor that holds the lock of `path` while it is open, or None when somebody kept it from us."""
    lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                os.close(lock_fd)
                return None
            time.sleep(_LOCK_POLL_S)
        else:
            return lock_fd


def _read_pid(pidfile: Path) -> str | None:
    try:
        return pidfile.read_text().strip() or None
    except OSError:
        return None


def main() -> int:
    """Keep the server of the command line."""
    if len(sys.argv) < 4:
        sys.stderr.write("usage: python -m shared.keeper FOLDER SOCKET SERVER…\n")
        return 2
    folder, socket_path, *server = sys.argv[1:]
    try:
        return keep(Path(folder), Path(socket_path), server)
    except SetupError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
