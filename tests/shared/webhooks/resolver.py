"""A resolver that answers what a test says, in the place of the system's."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

Answer = list[str] | OSError | str


def says(monkeypatch: pytest.MonkeyPatch, names: Mapping[str, Answer]) -> threading.Event:
    """Answer for names, and for nothing else: addresses, an error, or "hang" until the returned event is set.

    A list of lists is one answer after another, the last for ever.
    """
    release = threading.Event()

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        answer = names.get(host, socket.gaierror(socket.EAI_NONAME, "no such name"))
        if isinstance(answer, OSError):
            raise answer
        if isinstance(answer, str):
            release.wait(60)
            answer = []
        if answer and isinstance(answer[0], list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in answer
        ]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return release


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)
