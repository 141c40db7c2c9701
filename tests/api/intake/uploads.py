"""Bodies as clients send them, and a loop to receive them in."""

import asyncio
import struct

from shared.storage.protocol import PART_BYTES


def body_of(parts, *, boundary="XX"):
    """A multipart body of (name, filename or None, bytes)."""
    body = b""
    for name, filename, data in parts:
        file = "" if filename is None else f'; filename="{filename}"'
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def wav(size_bytes):
    """A file of this size that begins as a WAV file does."""
    return (b"RIFF" + struct.pack("<I", max(size_bytes - 8, 0)) + b"WAVEfmt " + bytes(PART_BYTES))[
        : min(size_bytes, 16)
    ] + (bytes(max(size_bytes - 16, 0)))


async def chunked(chunks):
    """A body's chunks as a server gives them."""
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def run(coroutine):
    """Run to the end, and fail if it leaves tasks behind."""

    async def checked():
        result = await coroutine
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(checked())


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
