"""A receiver of webhooks as a process of its own, with a ledger. What it answers stands in the path that is called.

`/WORDS/NAME` answers the n-th request to that path with the n-th of the comma-separated words, and with the last from
then on: a status (`204`), one with a Retry-After in seconds (`503:7`), `redirect:TO` (302 to that path of ours),
`slow:SECONDS` (204 after a while), `hang` (never), `cut` (the connection is ended), `fatal:PID` (204 to a sender that
never reads it: it is stopped before and killed after). `GET /ledger` returns all requests.

    python -m tests.hooks PORT
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.processes import until
from tests.servers import free_ports


class Hooks:
    """The server's side: it notes what comes and answers as the path says."""

    def __init__(self) -> None:
        self.ledger: list[dict[str, Any]] = []
        self._seen: dict[str, int] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if method == "GET":
            return await _say(writer, 200, json.dumps(self.ledger).encode())
        self.ledger.append({"path": path, "headers": headers, "body": body.decode(), "at": time.time()})
        words = path.split("/")[1].split(",")
        count = self._seen[path] = self._seen.get(path, 0) + 1
        return await _answer(writer, words[min(count, len(words)) - 1])


async def _answer(writer: asyncio.StreamWriter, word: str) -> bool:
    kind, _, value = word.partition(":")
    match kind:
        case "hang":
            await asyncio.sleep(3600)
        case "cut":
            return False
        case "slow":
            await asyncio.sleep(float(value))
            return await _say(writer, 204)
        case "fatal":
            os.kill(int(value), signal.SIGSTOP)
            await _say(writer, 204)
            os.kill(int(value), signal.SIGKILL)
        case "redirect":
            return await _say(writer, 302, location=f"/{value}")
        case status:
            return await _say(writer, int(status), b"as told", **({"retry-after": value} if value else {}))
    return False


async def _say(writer: asyncio.StreamWriter, status: int, body: bytes = b"", **headers: str) -> bool:
    body = b"" if status == 204 else body
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    if status != 204:
        lines.append(f"content-length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    return True


@dataclass
class Receiver:
    """The tests' side of a receiver's process."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, words: str, name: str = "a") -> str:
        """Return an address that answers as `words` say."""
        return f"http://127.0.0.1:{self.port}/{words}/{name}"

    def start(self) -> None:
        """Start the process, again after `stop` too: its ledger begins anew."""
        self.process = subprocess.Popen([sys.executable, "-m", "tests.hooks", str(self.port)], env=dict(os.environ))
        assert until(self._answers)

    def stop(self) -> None:
        """Kill the process and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ledger(self, path_end: str = "") -> list[dict[str, Any]]:
        """Return what was received, in its order; of paths that end so."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ledger", timeout=30) as answer:
            entries: list[dict[str, Any]] = json.load(answer)
        return [entry for entry in entries if entry["path"].endswith(path_end)]

    def _answers(self) -> bool:
        try:
            self.ledger()
        except OSError:
            return False
        return True


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver for the block."""
    found = Receiver(free_ports(1)[0])
    found.start()
    try:
        yield found
    finally:
        found.stop()


async def _main(port: int) -> None:
    server = await asyncio.start_server(Hooks().serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
