"""Slow clients in a crowd: they hold up neither other accounts nor, before they have sent much, their own."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.api.doors.conftest import SPEECH, Door
from tests.api.intake.uploads import wav

CROWD = 50
HEALTHY_S = 2.0


@contextmanager
def crowd(door: Door, sent_bytes: int) -> Iterator[None]:
    """Begin fifty uploads of the operator's account, each of which sends so much and then nothing."""
    port = door.client.base_url.port
    head = (
        f"POST /api/v2/voice-clones HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.key}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 40000000\r\n\r\n"
        '--x\r\ncontent-disposition: form-data; name="files"; filename="slow.wav"\r\n\r\n'
    )
    with ExitStack() as stack:
        for _ in range(CROWD):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            connection.sendall(head.encode() + wav(sent_bytes))
        time.sleep(0.5)  # let all of them get as far as they get
        yield


def healthy_s(door: Door, headers: dict[str, str]) -> float:
    """Upload three recordings, one of them of more than one part; return how long that took."""
    began_s = time.monotonic()
    files = (("a.flac", SPEECH), ("b.wav", wav(6_000_000)), ("c.wav", wav(100_000)))
    answer = door.post(*files, name="Healthy", headers=headers)
    assert answer.status_code == 201, answer.text
    return time.monotonic() - began_s


def test_fifty_slow_uploads_of_one_account_do_not_hold_up_anothers(door: Door) -> None:
    stranger = door.new_account()
    with crowd(door, 200_000):
        assert healthy_s(door, stranger) < HEALTHY_S


def test_fifty_uploads_that_sent_little_do_not_hold_up_their_own_account(door: Door) -> None:
    with crowd(door, 60_000):
        assert healthy_s(door, {}) < HEALTHY_S
