"""Asking the system's resolver, in a few threads of its own: one that hangs fills no pool that others wait for.

The threads are daemons: a resolver that hangs keeps no process from ending. Whoever asks for a name that is being
looked up shares that answer, so that a name that hangs holds one thread however many deliveries wait for it.
"""

import queue
import socket
import threading
from concurrent.futures import Future
from typing import Final

_MOST_THREADS: Final = 32
_Question = tuple[str, int]
_Answer = tuple[str, ...]

_lock = threading.Lock()
_under_way: dict[_Question, "Future[_Answer]"] = {}
_waiting: "queue.SimpleQueue[_Question]" = queue.SimpleQueue()
_threads: list[threading.Thread] = []


def ask(host: str, port: int) -> "Future[_Answer]":
    """Begin to look up a name; the answer is every address of it, in the resolver's order, none twice.

    The future raises what `socket.getaddrinfo` raises, and cannot be cancelled: others may wait for it.
    """
    question = (host, port)
    with _lock:
        answer = _under_way.get(question)
        if answer is not None:
            return answer
        answer = _under_way[question] = Future()
        answer.set_running_or_notify_cancel()
        if len(_threads) < min(_MOST_THREADS, len(_under_way)):
            thread = threading.Thread(target=_answer_questions, name=f"lookup-{len(_threads)}", daemon=True)
            _threads.append(thread)
            thread.start()
    _waiting.put(question)
    return answer


def _answer_questions() -> None:
    while True:
        question = _waiting.get()
        found: _Answer | None = None
        failure: BaseException | None = None
        try:
            entries = socket.getaddrinfo(*question, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except Exception as error:  # whatever it is belongs to who asked; the thread answers the next
            failure = error
        with _lock:
            answer = _under_way.pop(question)
        if failure is not None:
            answer.set_exception(failure)
        else:
            answer.set_result(found or ())
