"""What a container announces, and whether bytes are missing at its end: FFmpeg lets a cut file pass for a short one.

Recorders that stream cannot know a size and announce none, or the largest one there is: those announce nothing here.
Ogg announces no length at all; what can be said of it is whether its last page is whole, and ends the stream. Reads
heads, never sound; must not import anything of ours.
"""

import os
from typing import BinaryIO, Final

UNKNOWN_RIFF_BYTES: Final = (
    0x7FFFF000  # and up to a head less: recorders that stream announce this much or more (SoX, FFmpeg, 2026-11)
)

_CHUNKS: Final = 1000  # looked at, until the sound begins
_RIFF_HEAD_BYTES: Final = 12  # 'RIFF', its size, 'WAVE'
_RIFF_CHUNK_BYTES: Final = 8  # a chunk's type and its size, 32 bits; padded to an even length

_SSND_HEAD_BYTES: Final = 8  # an offset and the size of a block, both usually 0; Apple's AIFF 1.3
_SSND_UNKNOWN_BYTES: Final = 0x7F000000  # what SoX writes into a pipe (14.4.2)

_W64_HEAD_BYTES: Final = 40  # the GUID of 'riff', its size, the GUID of 'wave'; Sony Wave-64, 2006
_W64_CHUNK_BYTES: Final = 24  # a GUID that begins with the chunk's type, and a size, 64 bits, that includes these 24
_W64_UNKNOWN_BYTES: Final = 1 << 60

_CAF_HEAD_BYTES: Final = 8  # 'caff', version, flags; Apple Core Audio Format Specification 1.0
_CAF_CHUNK_BYTES: Final = 12  # a chunk's type and its size, 64 bits with a sign; -1 in 'data': until the file ends
_CAF_EDITS_BYTES: Final = 4  # the number of edits, before the sound

_OGG: Final = b"OggS"
_OGG_HEAD_BYTES: Final = 27  # of a page, without its table of segments; RFC 3533, section 6
_OGG_PAGE_BYTES: Final = _OGG_HEAD_BYTES + 255 + 255 * 255
_OGG_FLAGS_AT: Final = 5  # in a page's head
_OGG_ENDS: Final = 0x04  # the flag of a stream's last page
_OGG_GOES_ON: Final = 255  # a packet whose last segment is that long goes on in the next page


def cut_off(source: BinaryIO) -> str | None:
    """Return how the file is seen to be cut, in words, or None; it is left at its beginning."""
    try:
        if source.read(4) == _OGG:
            return _end_of_ogg(source, source.seek(0, os.SEEK_END))
        found = _sound(source)
        missing_bytes = 0 if found is None else sum(found) - source.seek(0, os.SEEK_END)
        return f"{missing_bytes} bytes are missing at the end" if missing_bytes > 0 else None
    finally:
        source.seek(0)


def announced_bytes(source: BinaryIO) -> int | None:
    """Return how many bytes of sound a WAV, W64, CAF or AIFF file announces, None where it cannot know.

    None for all others, too. The file is left at its beginning.
    """
    found = _sound(source)
    return None if found is None else found[1]


def _sound(source: BinaryIO) -> tuple[int, int] | None:
    """Return where the sound begins and how many bytes it is said to have."""
    try:
        source.seek(0)
        match source.read(4):
            case b"RIFF":
                return _sound_of_riff(source)
            case b"riff":
                return _sound_of_w64(source)
            case b"caff":
                return _sound_of_caf(source)
            case b"FORM":
                return _sound_of_aiff(source)
        return None
    finally:
        source.seek(0)


def _sound_of_riff(source: BinaryIO) -> tuple[int, int] | None:
    """Read a WAV; its own size says only whether it knows one, for many a writer leaves it behind or sets it alone."""
    whole_bytes = int.from_bytes(source.read(4), "little") + 8
    if whole_bytes >= UNKNOWN_RIFF_BYTES:
        return None
    at = _RIFF_HEAD_BYTES
    for _ in range(_CHUNKS):
        source.seek(at)
        chunk = source.read(_RIFF_CHUNK_BYTES)
        size_bytes = int.from_bytes(chunk[4:], "little")
        if len(chunk) < _RIFF_CHUNK_BYTES:
            return None
        at += _RIFF_CHUNK_BYTES
        if chunk[:4] == b"data":
            return (at, size_bytes) if 0 < size_bytes < UNKNOWN_RIFF_BYTES - at else None
        at += size_bytes + size_bytes % 2
    return None


def _sound_of_w64(source: BinaryIO) -> tuple[int, int] | None:
    at = _W64_HEAD_BYTES
    for _ in range(_CHUNKS):
        source.seek(at)
        chunk = source.read(_W64_CHUNK_BYTES)
        size_bytes = int.from_bytes(chunk[16:], "little") - _W64_CHUNK_BYTES
        if len(chunk) < _W64_CHUNK_BYTES or not 0 <= size_bytes < _W64_UNKNOWN_BYTES:
            return None
        at += _W64_CHUNK_BYTES
        if chunk[:4] == b"data":
            return (at, size_bytes) if size_bytes else None
        at += size_bytes + -size_bytes % 8
    return None


def _sound_of_caf(source: BinaryIO) -> tuple[int, int] | None:
    at = _CAF_HEAD_BYTES
    for _ in range(_CHUNKS):
        source.seek(at)
        chunk = source.read(_CAF_CHUNK_BYTES)
        size_bytes = int.from_bytes(chunk[4:], "big", signed=True)
        if len(chunk) < _CAF_CHUNK_BYTES or size_bytes < 0:
            return None
        at += _CAF_CHUNK_BYTES
        if chunk[:4] == b"data":
            return at + _CAF_EDITS_BYTES, size_bytes - _CAF_EDITS_BYTES
        at += size_bytes
    return None


def _sound_of_aiff(source: BinaryIO) -> tuple[int, int] | None:
    at = _RIFF_HEAD_BYTES
    for _ in range(_CHUNKS):
        source.seek(at)
        chunk = source.read(_RIFF_CHUNK_BYTES)
        size_bytes = int.from_bytes(chunk[4:], "big")
        if len(chunk) < _RIFF_CHUNK_BYTES:
            return None
        at += _RIFF_CHUNK_BYTES
        if chunk[:4] == b"SSND":
            is_known = _SSND_HEAD_BYTES < size_bytes < _SSND_UNKNOWN_BYTES
            return (at + _SSND_HEAD_BYTES, size_bytes - _SSND_HEAD_BYTES) if is_known else None
        at += size_bytes + size_bytes % 2
    return None


def _end_of_ogg(source: BinaryIO, held_bytes: int) -> str | None:
    """Look at the last page: whether it is whole, ends the packet that it begins, and says that it is the last."""
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
    return None if page[_OGG_FLAGS_AT] & _OGG_ENDS else "its last page does not say that the recording ends there"
