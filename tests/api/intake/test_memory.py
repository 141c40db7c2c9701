"""Memory does not grow with what is uploaded: measured on a process of its own, over a real socket."""

import hashlib
import json
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.api.intake.uploads import wav

FILES, FILE_BYTES = 10, 50_000_000
MOST_MB = 48


@contextmanager
def upload_process(folder):
    """Run the upload app; give its process id and port."""
    command = [sys.executable, "-m", "tests.api.intake.upload_app", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    with process:
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def parts():
    """The form, made on the way, never whole in the client either."""
    silence = bytes(1_000_000)
    for number in range(FILES):
        yield f'--XX\r\nContent-Disposition: form-data; name="files"; filename="{number}.wav"\r\n\r\n'.encode()
        yield wav(FILE_BYTES)[:1_000_000]
        for _ in range(FILE_BYTES // 1_000_000 - 1):
            yield silence
        yield b"\r\n"
    yield b"--XX--\r\n"


def post(port, pieces):
    """Send a request with this body in pieces; return the whole answer."""
    lines = ["POST /upload HTTP/1.1", "Host: x", "Content-Type: multipart/form-data; boundary=XX", "Connection: close"]
    length = sum(map(len, pieces()))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode())
        for piece in pieces():
            connection.sendall(piece)
        answer = b""
        while data := connection.recv(65_536):
            answer += data
    return answer


def resident_mb(pid, field):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel's high-water mark is Linux's")
def test_five_hundred_megabytes_raise_the_peak_by_less_than_48(tmp_path):
    with upload_process(tmp_path) as (pid, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=10) as answer:
            assert answer.status == 200
        idle_mb = resident_mb(pid, "VmRSS")
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
        answer = post(port, parts)
        peak_mb = resident_mb(pid, "VmHWM")
    stored = json.loads(answer.partition(b"\r\n\r\n")[2])
    expected = hashlib.sha256(wav(FILE_BYTES)).hexdigest()
    assert stored == [[f"{number}.wav", FILE_BYTES, expected] for number in range(FILES)]
    assert peak_mb - idle_mb < MOST_MB, f"{peak_mb - idle_mb:.1f} MB over {idle_mb:.1f} MB idle"
