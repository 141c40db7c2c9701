"""An S3 server that only drains: it takes objects and parts of uploads, answers as S3 does, and forgets every byte.

    python -m tests.bench.sink FD        serves the listening socket of that number

It checks nothing. What is measured against it is what the sender of the bytes costs, and nothing else.
"""

import re
import socket
import sys
import threading
from urllib.parse import urlsplit

DRAIN_BYTES = 1024 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
_TAG = '"0123456789abcdef0123456789abcdef"'


def answer_to(method: str, target: str) -> tuple[str, str]:
    """Return status and body for a request whose own body has been read."""
    query = urlsplit(target).query
    if method == "POST" and query.startswith("uploads"):
        return "200 OK", "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>"
    if method == "POST":
        return "200 OK", f"<CompleteMultipartUploadResult><ETag>{_TAG}</ETag></CompleteMultipartUploadResult>"
    if method == "PUT":
        return "200 OK", ""
    if method == "DELETE":
        return "204 No Content", ""
    return "404 Not Found", ""


def serve(wire: socket.socket) -> None:
    """Answer one connection's requests until it is closed."""
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    scratch = bytearray(DRAIN_BYTES)
    came = b""
    with wire:
        while True:
            while b"\r\n\r\n" not in came:
                data = wire.recv(65536)
                if not data:
                    return
                came += data
            head, _, came = came.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            left = (int(found[1]) if found else 0) - len(came)
            if left > 0 and _EXPECT.search(head):
                wire.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while left > 0:
                got = wire.recv_into(scratch, min(left, DRAIN_BYTES))
                if not got:
                    return
                left -= got
            came = came[len(came) + left :] if left < 0 else b""
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            status, body = answer_to(method, target)
            wire.sendall(
                f"HTTP/1.1 {status}\r\nETag: {_TAG}\r\nx-amz-request-id: bench\r\nContent-Type: application/xml\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )


def main() -> None:
    """Serve the inherited socket until killed."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    while True:
        wire, _ = listener.accept()
        threading.Thread(target=serve, args=(wire,), daemon=True).start()


if __name__ == "__main__":
    main()
