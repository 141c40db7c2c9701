"""Decode strangers' files without trusting them: the worker's side of the decoder host.

One `Decoder` serves all threads of a worker process. It keeps the host alive, hands it descriptors, and answers for
what comes back: a child that died of its file is an error naming the file, one that was killed from outside is worth
another try, and a host that died is started again. It decodes nothing itself. Create it after any fork: a second
process that holds its socket keeps the host from noticing the first's end.
"""

import contextlib
import fcntl
import itertools
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from shared.errors import DecoderLost, SourceMissing
from worker.audio.files.stream import ChildGone, DecodedStream, unreadable
from worker.audio.files.wire import DecodeLimits, DecodeRequest, read_fate, send_decode, send_stop

SEND_S: Final = 10.0
END_S: Final = 5.0
DEATH_S: Final = 0.1  # how long the news of the host's death may take
FATE_S: Final = 5.0  # and how long that of a child's; the host tells it in milliseconds
ATTEMPTS: Final = 3
PIPE_BYTES: Final = 1024 * 1024
# What nobody's bytes bring about: the first is the kernel's when the machine is short of memory.
FROM_OUTSIDE: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"}


class Decoder:
    """Turns files into streams of samples, in children of a warm process. Thread-safe and long-lived."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._host: _HostProcess | None = None
        self._ids = itertools.count(1)
        self._is_closed = False

    def start(self) -> None:
        """Start the host now, so that the first recording need not wait for it. Raises: DecoderLost."""
        self._running_host()

    @property
    def host_pid(self) -> int | None:
        """The process id of the host, or None where none runs."""
        host = self._host
        return host.process.pid if host and host.is_alive() else None

    @contextlib.contextmanager
    def decode(self, path: Path, *, filename: str, limits: DecodeLimits) -> Iterator[DecodedStream]:
        """Decode the first audio stream of a file. Leaving the block early ends the child.

        `filename` is what the recording's owner calls it; errors name it. Raises, here or while the stream is read:
        AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.
        """
        source_fd = _open_file(path, filename)
        try:
            run = self._begin(source_fd, filename, limits)
        finally:
            os.close(source_fd)
        try:
            run.stream.await_header()
            yield run.stream
        except ChildGone as gone:
            raise run.explain(limits) from gone
        finally:
            run.close()

    def close(self) -> None:
        """End the host and its children; streams that are being read end with an error."""
        with self._lock:
            self._is_closed = True
            host, self._host = self._host, None
        if host:
            host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, source_fd: int, filename: str, limits: DecodeLimits) -> "_Run":
        """Have a child started. Nothing was read from it yet, so a dead or frozen host is replaced."""
        for _attempt in range(ATTEMPTS):
            host, request_id = self._running_host(), next(self._ids)
            read_fd, sink_fd = os.pipe()
            told_fd, fate_fd = os.pipe()
            run = _Run(host, request_id, DecodedStream(read_fd, filename=filename, limits=limits), told_fd)
            try:
                try:
                    _widen(sink_fd)
                    host.send(DecodeRequest(request_id, limits, source_fd, sink_fd, fate_fd))
                finally:
                    os.close(sink_fd)
                    os.close(fate_fd)
                run.stream.await_child()
            except OSError:
                run.release()
                self._discard(host)
            except ChildGone:
                run.release()
                if run.stream.is_overdue or not host.is_alive(within_s=DEATH_S):
                    self._discard(host)
            except BaseException:
                run.release()
                raise
            else:
                return run
        raise DecoderLost(f"The decoder process could not be started to read {filename}.", filename=filename)

    def _running_host(self) -> "_HostProcess":
        with self._lock:
            if self._is_closed:
                raise DecoderLost("The decoder was closed.")
            if self._host is None or not self._host.is_alive():
                if self._host:
                    self._host.close()
                self._host = _HostProcess()
            return self._host

    def _discard(self, host: "_HostProcess") -> None:
        with self._lock:
            if self._host is host:
                self._host = None
        host.close(END_S if host.is_alive() else 0.0)


@dataclass(frozen=True, slots=True)
class _Run:
    """One file in a child's hands: its answer, and behind `told_fd` the host's word on how the child ended."""

    host: "_HostProcess"
    request_id: int
    stream: DecodedStream
    told_fd: int

    def explain(self, limits: DecodeLimits) -> Exception:
        """Say whose fault it was that the answer ended early. Nobody here has ended the child before this is asked."""
        filename = self.stream.filename
        try:
            exit_code = read_fate(self.told_fd, 0.0 if self.stream.is_overdue else FATE_S)
        except EOFError:
            return DecoderLost(f"The decoder process ended while it read {filename}.", filename=filename)
        if exit_code is None and self.stream.is_overdue:
            return unreadable(filename, f"its decoder was waited for longer than {limits.wall_s:g} s")
        if exit_code is not None and -exit_code in FROM_OUTSIDE:
            return DecoderLost(
                f"The decoder process was killed while it read {filename}; the machine may be short of memory.",
                filename=filename,
            )
        if exit_code == -signal.SIGXCPU:
            return unreadable(filename, f"decoding it takes more than {limits.cpu_s} s of processor time")
        return unreadable(filename, f"its decoder crashed, or needed more than {limits.memory_bytes // 2**20} MB")

    def release(self) -> None:
        """Close both pipes; a child that writes on ends by that."""
        self.stream.close()
        os.close(self.told_fd)

    def close(self) -> None:
        """Release the pipes and end the child, if it still lives."""
        self.release()
        if not self.stream.is_finished:
            self.host.stop(self.request_id)


class _HostProcess:
    """The host as a process: one socket to it, written by one thread at a time."""

    def __init__(self) -> None:
        self._sending = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SEND_S)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "worker.audio.files.decoder_host", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
            )
        except OSError as error:
            self._socket.close()
            raise DecoderLost(f"The decoder process could not be started: {error}") from error
        finally:
            theirs.close()

    def is_alive(self, within_s: float = 0.0) -> bool:
        """Whether the process runs, and still does so `within_s` from now (a death takes a moment to be told)."""
        if within_s:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(within_s)
        return self.process.poll() is None

    def send(self, request: DecodeRequest) -> None:
        """Raises: OSError."""
        with self._sending:
            send_decode(self._socket, request)

    def stop(self, request_id: int) -> None:
        """End the child of a request. A host that cannot be told is gone or going, and its children with it."""
        with self._sending, contextlib.suppress(OSError):
            send_stop(self._socket, request_id)

    def close(self, patience_s: float = END_S) -> None:
        """Close the socket, which ends the host; one that does not end in time is killed."""
        with self._sending:
            self._socket.close()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _environment() -> dict[str, str]:
    """Return all that the host is told of the worker's surroundings: where the modules lie.

    Its children handle hostile bytes; the keys and addresses in the worker's own environment are not for them.
    """
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **_ONE_THREAD}


def _open_file(path: Path, filename: str) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # non-blocking: a FIFO must not hang us
    except OSError as error:
        raise SourceMissing(f"{filename} is not where it was stored: {error.strerror}.", filename=filename) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise unreadable(filename, "it is not a file")
    return fd


def _widen(pipe_fd: int) -> None:
    """Let the child run ahead of the reader where the system allows it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe_fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
