"""Which container a file is, told by its first bytes alone: names and declared types lie, bytes do not.

A true answer means "worth decoding", not "sound": the decoder has the last word. It must not decode, and must say None
for playlists, scripts, documents and pictures, since a decoder could be led by them to other files.

Sources: RFC 9639 (FLAC), RFC 3533 (Ogg), RFC 9559 (Matroska), ISO/IEC 14496-12 (MP4), 11172-3 and 13818-7 (frame
headers), id3.org 2.4.0, Apple's AIFF-C and CAF papers, EBU Tech 3306 (RF64), all read 2026-11-20. That RIFX, RF64 and
BW64 are decodable was tried with PyAV 18.1.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

SNIFF_BYTES: Final = 8192


class Container(StrEnum):
    """A container that we decode."""

    WAV = "wav"
    MP3 = "mp3"
    M4A = "m4a"
    FLAC = "flac"
    OGG = "ogg"
    WEBM = "webm"
    MKV = "mkv"
    AAC = "aac"
    AIFF = "aiff"
    CAF = "caf"
    AU = "au"
    W64 = "w64"
    WMA = "wma"

    @property
    def media_type(self) -> str:
        """The media type that such an object is stored and served under."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Final = {
    Container.WAV: "audio/wav",
    Container.MP3: "audio/mpeg",
    Container.M4A: "audio/mp4",
    Container.FLAC: "audio/flac",
    Container.OGG: "audio/ogg",
    Container.WEBM: "audio/webm",
    Container.MKV: "audio/x-matroska",
    Container.AAC: "audio/aac",
    Container.AIFF: "audio/aiff",
    Container.CAF: "audio/x-caf",
    Container.AU: "audio/basic",
    Container.W64: "audio/x-w64",
    Container.WMA: "audio/x-ms-wma",
}

SUPPORTED_FORMATS: Final = tuple(container.value for container in Container)

_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_WAVE = bytes.fromhex("77617665f3acd3118cd100c04f8edb8a")
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EBML_HEADER = bytes.fromhex("1a45dfa3")
_EBML_DOCTYPE = bytes.fromhex("4282")
_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"jp2 ", b"jpx ", b"crx "})
_MPEG_FRAME_BYTES: Final = 1729  # the longest there is: layer II of 384 kbit/s at 32 kHz
_ADTS_FRAME_BYTES: Final = 1536  # 6,144 bits a channel at most, of two
_FRAMES_WANTED = 3  # consecutive frame headers that agree; one alone is matched by text and pictures

# Reads a frame's header: the frame's length in bytes, and what all frames of a stream share; None: it is no header.
Frame = Callable[[bytes], tuple[int, int] | None]

# ISO/IEC 11172-3 table B.1 and 13818-3: kbit/s by (MPEG-1?, layer) and index; index 0 (free) and 15 are refused.
_KBIT_S: Final = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG1_RATES_HZ: Final = (44_100, 48_000, 32_000)


def sniff(head: bytes) -> Container | None:
    """Return the container of a file that begins with `head`: SNIFF_BYTES of it, or all of a shorter file."""
    tag_bytes = _id3_bytes(head)
    if tag_bytes:  # FLAC and AAC files carry such tags too; where the tag hides what follows, it is an MP3
        return sniff(head[tag_bytes:]) or Container.MP3
    return _by_magic(head) or _by_frames(head)


def _by_magic(head: bytes) -> Container | None:
    first, form = head[:4], head[8:12]
    if first in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return Container.WAV if form == b"WAVE" else None
    if first == b"FORM":
        return Container.AIFF if form in (b"AIFF", b"AIFC") else None
    if first == b"fLaC":
        return Container.FLAC
    if first == b"OggS":
        return Container.OGG if head[4:5] == b"\0" else None
    if head[4:8] == b"ftyp":
        return None if len(form) < 4 or form in _PICTURE_BRANDS else Container.M4A
    if first == _EBML_HEADER:
        return _matroska(head)
    if head.startswith(b"caff\0\1"):
        return Container.CAF
    if first == b".snd":
        return Container.AU if 24 <= int.from_bytes(head[4:8]) < 2**24 else None
    if head.startswith(_W64_RIFF):
        return Container.W64 if head[24:40] == _W64_WAVE else None
    return Container.WMA if head.startswith(_ASF_HEADER) else None


def _matroska(head: bytes) -> Container | None:
    """Read the document type, which stands among the first elements of an EBML file."""
    at = head.find(_EBML_DOCTYPE, 4, 128)
    if at < 0:
        return None
    name = head[at + 3 : at + 3 + (head[at + 2] & 0x7F)] if len(head) > at + 2 else b""
    return {b"webm": Container.WEBM, b"matroska": Container.MKV}.get(name.rstrip(b"\0"))


def _id3_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag at the beginning, 0 where there is none."""
    if len(head) < 10 or head[:3] != b"ID3" or head[3] not in (2, 3, 4) or head[4] == 0xFF or max(head[6:10]) > 0x7F:
        return 0
    footer_bytes = 10 if head[5] & 0x10 else 0
    return 10 + footer_bytes + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])


def _by_frames(head: bytes) -> Container | None:
    """Recognise raw streams, which have no magic, by frame headers that lead to one another."""
    if _is_stream(head, _mpeg_frame, _MPEG_FRAME_BYTES):
        return Container.MP3
    return Container.AAC if _is_stream(head, _adts_frame, _ADTS_FRAME_BYTES) else None


def _is_stream(head: bytes, frame: Frame, frame_bytes: int) -> bool:
    """Whether frames follow each other from the beginning, or from where the rest of a cut frame ends."""
    start = len(head) - len(head.lstrip(b"\0"))  # some cutters leave zeros before the first frame
    if _leads_on(head, start, frame, may_be_short=True):
        return True
    at, last = start, start + frame_bytes
    while (at := head.find(b"\xff", at + 1, last)) >= 0:
        if _leads_on(head, at, frame):
            return True
    return False


def _leads_on(head: bytes, at: int, frame: Frame, *, may_be_short: bool = False) -> bool:
    """Whether frames of one kind follow each other from `at`: three of them, or as many as the whole short file has."""
    kind: int | None = None
    for _ in range(_FRAMES_WANTED):
        read = frame(head[at : at + 6])
        if read is None or kind not in (None, read[1]):
            return False
        kind = read[1]
        at += read[0]
        if may_be_short and at == len(head) and len(head) < SNIFF_BYTES:
            return True
    return True


def _mpeg_frame(header: bytes) -> tuple[int, int] | None:
    """Read an MPEG audio frame header: its frame's length in bytes, and what all frames of a stream share."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3 or header[3] & 3 == 2:
        return None
    bits_s = _KBIT_S[version == 3, layer][bitrate - 1] * 1000
    rate_hz = _MPEG1_RATES_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        length = (12 * bits_s // rate_hz + padding) * 4
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        length = samples // 8 * bits_s // rate_hz + padding
    return length, version << 8 | layer << 4 | rate


def _adts_frame(header: bytes) -> tuple[int, int] | None:
    """Read an ADTS frame header: its frame's length in bytes, and what all frames of a stream share."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return None
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return (length, header[1] << 8 | header[2] & 0xFC) if length > 7 else None
