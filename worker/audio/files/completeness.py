"""Whether a file's container says that bytes are missing at its end: FFmpeg lets such a file pass for a shorter one.

Only what was surely cut is told. Recorders that stream cannot know a size and announce none, or the largest one there
is; and not every whole Ogg stream ends with the flag that says so. Reads heads, never sound; must not import anything
of ours.
"""

import os
from typing import BinaryIO, Final

UNKNOWN_RIFF_BYTES: Final = 0x7FFFF000  # recorders that stream announce this much or more (SoX, FFmpeg, 2026-11)

_CAF_HEAD_BYTES: Final = 8  # 'caff', version, flags; Apple Core Audio Format Specification 1.0
_CAF_CHUNK_BYTES: Final = 12  # a chunk's type and its size, 64 bits with a sign; -1 in 'data': until the file ends
_CAF_CHUNKS: Final = 1000  # looked at, until the sound begins

_OGG: Final = b"OggS"
_OGG_HEAD_BYTES: Final = 27  # of a page, without its table of segments; RFC 3533, section 6
_OGG_PAGE_BYTES: Final = _OGG_HEAD_BYTES + 255 + 255 * 255
_OGG_GOES_ON: Final = 255  # a packet whose last segment is that long goes on in the next page


def cut_off(source: BinaryIO) -> str | None:
    """Return how the file is seen to be cut, in words, or None; it is left at its beginning."""
    try:
        head = source.read(12)
        held_bytes = source.seek(0, os.SEEK_END)
        match head[:4]:
            case b"RIFF":
                missing_bytes = _missing_of_riff(head, held_bytes)
            case b"caff":
                missing_bytes = _missing_of_caf(source, held_bytes)
            case b"OggS":
                return _end_of_ogg(source, held_bytes)
            case _:
                return None
        return f"{missing_bytes} bytes are missing at the end" if missing_bytes > 0 else None
    finally:
        source.seek(0)


def _missing_of_riff(head: bytes, held_bytes: int) -> int:
    announced_bytes = int.from_bytes(head[4:8], "little") + 8
    is_known = len(head) >= 8 and announced_bytes < UNKNOWN_RIFF_BYTES
    return announced_bytes - held_bytes if is_known else 0


def _missing_of_caf(source: BinaryIO, held_bytes: int) -> int:
    """Return how many bytes the chunk of the sound announces and does not have."""
    at = _CAF_HEAD_BYTES
    for _ in range(_CAF_CHUNKS):
        source.seek(at)
        chunk = source.read(_CAF_CHUNK_BYTES)
        size_bytes = int.from_bytes(chunk[4:], "big", signed=True)
        if len(chunk) < _CAF_CHUNK_BYTES or size_bytes < 0:
            return 0
        at += _CAF_CHUNK_BYTES + size_bytes
        if chunk[:4] == b"data":
            return max(0, at - held_bytes)
        if at >= held_bytes:
            return 0
    return 0


def _end_of_ogg(source: BinaryIO, held_bytes: int) -> str | None:
    """Look at the last page: whether it is whole, and whether a packet that it begins ends in it."""
    source.seek(max(0, held_bytes - 2 * _OGG_PAGE_BYTES))
    tail = source.read(2 * _OGG_PAGE_BYTES)
    at = tail.rfind(_OGG)
    if at < 0:
        return None  # other bytes follow the last page, and more than a page of them
    page = tail[at:]
    head_bytes = _OGG_HEAD_BYTES + (page[_OGG_HEAD_BYTES - 1] if len(page) >= _OGG_HEAD_BYTES else 0)
    if len(page) < head_bytes:
        return "its last page is cut in its head"
    segments = page[_OGG_HEAD_BYTES:head_bytes]
    size_bytes = head_bytes + sum(segments)
    if len(page) < size_bytes:
        return f"its last page is cut, {size_bytes - len(page)} bytes are missing"
    after = page[size_bytes:]
    if after and _OGG.startswith(after):
        return "its last page is cut in its head"
    if segments and segments[-1] == _OGG_GOES_ON and not after:
        return "its last packet has no end"
    return None
