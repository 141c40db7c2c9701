"""The warm process that decodes: decoders are loaded once, every file gets a forked and confined child of its own.

Started by `worker.audio.files.decoder` as `python -m worker.audio.files.decoder_host FD`, FD being its end of a socket
pair. It has one thread, for a fork copies only one. It lives exactly as long as the other end of the socket: when the
worker is gone, by whatever death, the children are killed and the host ends. Interrupts are the worker's to handle.
"""

import contextlib
import ctypes
import gc
import io
import os
import resource
import selectors
import signal
import socket
import sys
import wave
from pathlib import Path
from typing import Final

from worker.audio.files.decoding import decode
from worker.audio.files.wire import DecodeLimits, DecodeRequest, RequestReader, write_fate

CHILD_DESCRIPTORS: Final = 16
_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>


class DecoderHost:
    """Forks a child for every request, ends it when told to, reaps it, and tells the worker how it ended."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._reader = RequestReader(channel)
        self._children: dict[int, DecodeRequest] = {}  # by pid; of the descriptors only `fate_fd` is open still
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def serve(self) -> None:
        """Work until the worker's end of the socket is closed."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # a handler, so that the wake-up pipe is written
        signal.set_wakeup_fd(self._wake_write)
        with selectors.DefaultSelector() as ready:
            ready.register(self._channel, selectors.EVENT_READ)
            ready.register(self._wake_read, selectors.EVENT_READ)
            try:
                while True:
                    for key, _events in ready.select():
                        if key.fileobj is self._channel:
                            self._answer()
                        else:
                            self._reap()
            except (EOFError, ConnectionResetError):
                for pid in self._children:
                    os.kill(pid, signal.SIGKILL)

    def _answer(self) -> None:
        for request in self._reader.receive():
            if isinstance(request, DecodeRequest):
                self._fork(request)
                continue
            for pid, served in self._children.items():  # ours until reaped, so the number is nobody else's
                if served.id == request.id:
                    os.kill(pid, signal.SIGKILL)

    def _fork(self, request: DecodeRequest) -> None:
        host_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # no room for a process: the closed pipe tells the worker to try again
            sys.stderr.write(f"decoder host: cannot fork: {error}\n")
            pid = -1
        if pid == 0:
            try:
                self._become_child(request, host_pid)
            finally:
                os._exit(0)
        os.close(request.source_fd)
        os.close(request.sink_fd)
        if pid > 0:
            self._children[pid] = request
        else:
            os.close(request.fate_fd)

    def _become_child(self, request: DecodeRequest, host_pid: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._channel.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        for fate in (request, *self._children.values()):  # neither its own end nor another's is for it to tell
            os.close(fate.fate_fd)
        silence = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(silence, standard)
        source_fd, sink_fd = os.dup2(request.source_fd, silence), request.sink_fd
        confine(request.limits, host_pid)
        os.lseek(source_fd, 0, os.SEEK_SET)
        with io.FileIO(source_fd, "r") as source:
            decode(source, sink_fd, request.limits)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_read, 512):
                pass
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0] > 0:
                pid, status = ended
                fate_fd = self._children.pop(pid).fate_fd
                with contextlib.suppress(BrokenPipeError):  # most readers have their answer and are gone
                    write_fate(fate_fd, os.waitstatus_to_exitcode(status))
                os.close(fate_fd)


def confine(limits: DecodeLimits, host_pid: int) -> None:
    """Limit this process, a fresh child of the host, for good."""
    if sys.platform == "linux":
        # The host may die by SIGKILL while this child waits for a reader or spins in a decoder.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != host_pid:
            os._exit(1)
        held_pages = int(Path("/proc/self/statm").read_text().split()[0])
        _lower(resource.RLIMIT_AS, held_pages * resource.getpagesize() + limits.memory_bytes)
    _limit_cpu(limits.cpu_s)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, CHILD_DESCRIPTORS)


def _limit_cpu(cpu_s: int) -> None:
    """Have SIGXCPU come a second before SIGKILL: with both limits alike Linux sends only SIGKILL, as a stranger may."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    hard = cpu_s + 1 if hard == resource.RLIM_INFINITY else min(cpu_s + 1, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (hard - 1, hard))


def _lower(kind: int, value: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def warm_up() -> None:
    """Decode a little sound, so that whatever is loaded at first use is loaded before the first fork."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(8_000)
        writer.writeframes(bytes(4 * 16_000))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    decode(io.BytesIO(sound.getvalue()), nowhere, DecodeLimits(max_duration_s=10.0, memory_bytes=0))
    os.close(nowhere)
    gc.collect()
    gc.freeze()  # the children share these pages for as long as no collection touches them


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    warm_up()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        DecoderHost(channel).serve()


if __name__ == "__main__":
    main()
