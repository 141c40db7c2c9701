"""A network on the loopback that can begin to swallow packets: a TCP proxy that stops forwarding and says nothing."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK_BYTES = 1 << 16


class Swallower:
    """Forwards from a port of its own to a server's address until told to swallow."""

    def __init__(self, target: Path | tuple[str, int]) -> None:
        self._target = target
        self._forwards = threading.Event()
        self._forwards.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.port: int = self._listener.getsockname()[1]
        self._run(self._accept)

    @contextmanager
    def swallowing(self) -> Iterator[None]:
        """Keep what is sent either way during the block; afterwards it goes on its way, as if it had been resent."""
        self._forwards.clear()
        try:
            yield
        finally:
            self._forwards.set()

    def close(self) -> None:
        self._forwards.set()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            is_path = isinstance(self._target, Path)
            server = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
            server.connect(str(self._target) if is_path else self._target)
            self._open += [client, server]
            self._run(lambda client=client, server=server: self._carry(client, server))
            self._run(lambda client=client, server=server: self._carry(server, client))

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        while block := source.recv(_BLOCK_BYTES):
            self._forwards.wait()
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _run(work) -> None:
        def quietly() -> None:
            with contextlib.suppress(OSError):
                work()

        threading.Thread(target=quietly, daemon=True).start()


@contextmanager
def swallower(target: Path | tuple[str, int]) -> Iterator[Swallower]:
    proxy = Swallower(target)
    try:
        yield proxy
    finally:
        proxy.close()
