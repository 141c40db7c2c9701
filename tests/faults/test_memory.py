"""Ten files of 50,000,000 bytes pass through the API without staying in it."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import running_stack

pytestmark = pytest.mark.faults

FILES, FILE_BYTES, ALLOWED_MB = 10, 50_000_000, 48
_BLOCK = 1 << 16


def peak_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def body() -> Iterator[bytes]:
    yield b'--b\r\ncontent-disposition: form-data; name="name"\r\n\r\nbig\r\n'
    for number in range(FILES):
        head = b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes([number]) * 16
        yield f'--b\r\ncontent-disposition: form-data; name="files"; filename="{number}.wav"\r\n\r\n'.encode() + head
        left = FILE_BYTES - len(head)
        while left:
            yield bytes(min(left, _BLOCK))
            left -= min(left, _BLOCK)
        yield b"\r\n"
    yield b"--b--\r\n"


def test_half_a_gigabyte_raises_the_apis_peak_by_less_than_48_mb() -> None:
    with running_stack() as stack:
        stack.create("warm up")
        api = stack.pid("api")
        Path(f"/proc/{api}/clear_refs").write_text("5")
        before_kb = peak_kb(api)
        connection = http.client.HTTPConnection("127.0.0.1", int(stack.url.rpartition(":")[2]), timeout=120)
        headers = {"content-type": "multipart/form-data; boundary=b", "x-api-key": stack.client.headers["x-api-key"]}
        connection.request("POST", "/api/v2/voice-clones", body(), headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        connection.close()
        raised_mb = (peak_kb(api) - before_kb) / 1024
        assert raised_mb < ALLOWED_MB
