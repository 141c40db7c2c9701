"""Whether a file ends inside something that it began: a block, box or frame that is longer than what is left of it.

For containers that browsers and streams write without a duration, this is all there is to know of a cut. Walks
from head to head and never reads sound; anything that is not understood ends the walk without a verdict.
"""

import os
from collections.abc import Callable
from typing import BinaryIO, Final

_MOST_ELEMENTS: Final = 2_000_000

_EBML: Final = b"\x1a\x45\xdf\xa3"  # RFC 8794; Matroska's own elements: RFC 9559
_SEGMENT: Final = 0x18538067
_CLUSTER: Final = 0x1F43B675
_ENTERED: Final = frozenset({_SEGMENT, _CLUSTER})
_KNOWN: Final = _ENTERED | {
    0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770, 0x1941A469,  # beside clusters
    0xA3, 0xA0, 0xE7, 0xA7, 0xAB, 0xEC, 0xBF,  # in them, and anywhere
}  # fmt: skip
_MOST_HEADS: Final = 16  # elements before the segment; there is one
_EBML_HEAD_BYTES: Final = 12  # an id of at most 4 bytes and a size of at most 8

_BOX_HEAD_BYTES: Final = 16  # ISO/IEC 14496-12, 4.2: size, type, and a size of 64 bits where the first is 1
_BOXES: Final = frozenset(
    {
        b"ftyp",
        b"moov",
        b"moof",
        b"mdat",
        b"free",
        b"skip",
        b"wide",
        b"sidx",
        b"styp",
        b"mfra",
        b"uuid",
        b"meta",
        b"emsg",
    }
)

_ID3_HEAD_BYTES: Final = 10
_MPEG_HEAD_BYTES: Final = 7  # of ADTS, ISO/IEC 13818-7, 6.2; of MPEG audio the first four count, ISO/IEC 11172-3, 2.4.1
_XING_WITHIN_BYTES: Final = 64  # after a frame's head and 9 to 32 bytes of side information
_XING_FRAMES: Final = 1  # flags of what the head names, each 4 bytes long; as LAME writes it
_XING_BYTES: Final = 2
_KBITS: Final = {  # by version and layer; index 0 is free format, 15 is forbidden
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def unfinished(source: BinaryIO) -> str | None:
    """Return what the file ends inside of, in words, or None; it is left at its beginning."""
    try:
        held_bytes = source.seek(0, os.SEEK_END)
        source.seek(0)
        head = source.read(12)
        if head.startswith(_EBML):
            return _end_of_matroska(source, held_bytes)
        if head[4:8] in _BOXES:
            return _end_of_boxes(source, held_bytes)
        return _end_of_frames(source, held_bytes)
    finally:
        source.seek(0)


def has_named_size(source: BinaryIO) -> bool:
    """Whether a Matroska or MP3 file names its own size in bytes and has that many; it is left at its beginning.

    Where it has, a longer duration is the header's error, and no sound is missing.
    """
    try:
        held_bytes = source.seek(0, os.SEEK_END)
        source.seek(0)
        if source.read(4) == _EBML:
            return _has_whole_segment(source, held_bytes)
        at = _tag_bytes(source)
        source.seek(at)
        named_bytes = _named_by_xing(source.read(_XING_WITHIN_BYTES))
        return 0 < named_bytes <= held_bytes - at
    finally:
        source.seek(0)


def _has_whole_segment(source: BinaryIO, held_bytes: int) -> bool:
    at = 0
    for _ in range(_MOST_HEADS):
        source.seek(at)
        found = _element(source.read(_EBML_HEAD_BYTES) or bytes(1))
        if found is None:
            return False
        kind, head_bytes, size_bytes = found
        if size_bytes is None:
            return False
        at += head_bytes + size_bytes
        if kind == _SEGMENT:
            return at <= held_bytes
    return False


def _named_by_xing(frame: bytes) -> int:
    """Return how many bytes the first frame of an MP3 says that there are from it on, 0 where it says nothing."""
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or not _mpeg_bytes(frame):
        return 0
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    if not flags & _XING_BYTES:
        return 0
    at += 8 + (4 if flags & _XING_FRAMES else 0)
    return int.from_bytes(frame[at : at + 4], "big")


def _end_of_matroska(source: BinaryIO, held_bytes: int) -> str | None:
    at = 0
    for _ in range(_MOST_ELEMENTS):
        source.seek(at)
        head = source.read(_EBML_HEAD_BYTES)
        if not head:
            return None
        found = _element(head)
        if found is None:
            return None
        kind, head_bytes, size_bytes = found
        if kind not in _KNOWN:
            return None  # other bytes follow
        if kind in _ENTERED:
            at += head_bytes  # of unknown size or not: what is in it says where the file breaks off
            continue
        if size_bytes is None:
            return None
        at += head_bytes + size_bytes
        if at > held_bytes:
            return f"its last block is cut, {at - held_bytes} bytes are missing"
    return None


def _element(head: bytes) -> tuple[int, int, int | None] | None:
    """Return an element's id, how long its head is, and its size; None for one that says it does not know."""
    id_bytes = _width(head[0])
    if id_bytes > 4 or len(head) <= id_bytes:
        return None
    size_width = _width(head[id_bytes])
    if size_width > 8 or len(head) < id_bytes + size_width:
        return None
    size = int.from_bytes(head[id_bytes : id_bytes + size_width], "big") & ((1 << 7 * size_width) - 1)
    is_known = size != (1 << 7 * size_width) - 1
    return int.from_bytes(head[:id_bytes], "big"), id_bytes + size_width, size if is_known else None


def _width(first: int) -> int:
    """Return how many bytes a number of EBML has, by its first; 9: it is none."""
    return 9 - first.bit_length()


def _end_of_boxes(source: BinaryIO, held_bytes: int) -> str | None:
    at = 0
    for _ in range(_MOST_ELEMENTS):
        source.seek(at)
        head = source.read(_BOX_HEAD_BYTES)
        if len(head) < 8 or head[4:8] not in _BOXES:
            return None
        size_bytes = int.from_bytes(head[:4], "big")
        if size_bytes == 1:
            size_bytes = int.from_bytes(head[8:16], "big")
        if size_bytes < 8:
            return None  # 0: to the end of the file, however long that is
        at += size_bytes
        if at > held_bytes:
            return f"{at - held_bytes} bytes are missing at the end"
    return None


def _end_of_frames(source: BinaryIO, held_bytes: int) -> str | None:
    """Follow the frames of bare AAC or MPEG audio; a tag before them is passed over."""
    at = _tag_bytes(source)
    source.seek(at)
    frame_bytes = _frame_reader(source.read(_MPEG_HEAD_BYTES))
    if frame_bytes is None:
        return None
    for count in range(_MOST_ELEMENTS):
        source.seek(at)
        head = source.read(_MPEG_HEAD_BYTES)
        size_bytes = frame_bytes(head) if len(head) == _MPEG_HEAD_BYTES else 0
        if not size_bytes:
            return None  # the end, a tag, or other bytes
        at += size_bytes
        if at > held_bytes:
            return f"its last frame is cut, {at - held_bytes} bytes are missing" if count else None
    return None


def _tag_bytes(source: BinaryIO) -> int:
    """Return how long the tag before the frames is, 0 where there is none."""
    source.seek(0)
    head = source.read(_ID3_HEAD_BYTES)
    if head[:3] != b"ID3" or len(head) < _ID3_HEAD_BYTES:
        return 0
    return _ID3_HEAD_BYTES + sum((byte & 0x7F) << 7 * (3 - place) for place, byte in enumerate(head[6:10]))


def _frame_reader(head: bytes) -> Callable[[bytes], int] | None:
    for reader in (_adts_bytes, _mpeg_bytes):
        if len(head) == _MPEG_HEAD_BYTES and reader(head):
            return reader
    return None


def _adts_bytes(head: bytes) -> int:
    """Return how long a frame of ADTS is, 0 where this is none."""
    if head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    return (head[3] & 0x03) << 11 | head[4] << 3 | head[5] >> 5


def _mpeg_bytes(head: bytes) -> int:
    """Return how long a frame of MPEG audio is, 0 where this is none, or of free format."""
    if head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, place, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or rate in (0, 15) or place == 3:
        return 0
    kbits, rate_hz = _KBITS[1 if version == 3 else 2, layer][rate - 1], _RATES_HZ[version][place]
    if layer == 1:
        return (12 * kbits * 1000 // rate_hz + padding) * 4
    return (144 if version == 3 or layer == 2 else 72) * kbits * 1000 // rate_hz + padding
