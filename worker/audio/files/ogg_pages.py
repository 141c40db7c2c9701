"""Whether the pages of an Ogg file are those that were written: each has a checksum and a number.

FFmpeg passes over a page whose checksum is wrong without a word. Reads the whole file, 256 kB at a time; decodes
nothing, and must not import anything of ours.

Source: RFC 3533, section 6, read 2026-11-25.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_MARK: Final = b"OggS"
_HEAD_BYTES: Final = 27  # without the table of segments
_PAGE_BYTES: Final = _HEAD_BYTES + 255 + 255 * 255
_SERIAL: Final = slice(14, 18)
_NUMBER: Final = slice(18, 22)
_SUM: Final = slice(22, 26)
_READ_BYTES: Final = 256 * 1024
_BROKEN_MOST: Final = 1000  # looked at; bytes made to look like pages would take hours
_LIKELY_GAP: Final = 1 << 20  # pages; a number that jumps further was set anew and not skipped

# zlib's checksum is the same one with the bits of every byte, and of the sum, in the other order.
_MIRRORED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


@dataclass(frozen=True, slots=True)
class OggPages:
    """How many pages a file has, and how many of those it should have are broken or not there."""

    held: int
    lost: int


def count_pages(source: BinaryIO) -> OggPages:
    """Go through all pages; the file is left at its beginning.

    A broken page is one that is missed in the count of its stream, so nothing is counted twice.
    """
    held = broken = skipped = 0
    expected: dict[bytes, int] = {}
    for page in _pages(source):
        if _checksum(page) != page[_SUM]:
            broken += 1
            if broken == _BROKEN_MOST:
                break
            continue
        held += 1
        number, due = int.from_bytes(page[_NUMBER], "little"), expected.get(page[_SERIAL])
        if due is not None and due < number < due + _LIKELY_GAP:
            skipped += number - due
        expected[page[_SERIAL]] = number + 1
    source.seek(0)
    return OggPages(held, max(broken, skipped))


def _pages(source: BinaryIO) -> Iterator[bytes]:
    """Yield what looks like a whole page and is followed by another, or by the end, or is broken."""
    source.seek(0)
    held = bytearray()
    at, is_over = 0, False
    while True:
        if len(held) - at < _PAGE_BYTES and not is_over:
            more = source.read(_READ_BYTES)
            is_over = not more
            del held[:at]
            held += more
            at = 0
            continue
        at = held.find(_MARK, at)
        if at < 0 or len(held) - at < _HEAD_BYTES:
            if is_over:
                return
            at = max(len(held) - len(_MARK) + 1, 0) if at < 0 else at
            continue
        head_bytes = _HEAD_BYTES + held[at + _HEAD_BYTES - 1]
        size_bytes = head_bytes + sum(held[at + _HEAD_BYTES : at + head_bytes])
        if len(held) - at < size_bytes:
            at += len(_MARK) if is_over else 0  # it is cut, which is told elsewhere, or its size is what broke
            continue
        page = bytes(held[at : at + size_bytes])
        yield page
        # The size of a broken page may be what broke: the next one is looked for within it.
        at += size_bytes if _checksum(page) == page[_SUM] else len(_MARK)


def _checksum(page: bytes) -> bytes:
    """Return the sum that a page must carry: of all its bytes, those of the sum taken as zero."""
    blank = page[: _SUM.start] + bytes(4) + page[_SUM.stop :]
    mirrored = zlib.crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_MIRRORED)
