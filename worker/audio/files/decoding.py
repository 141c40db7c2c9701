"""Turn a sound file behind a descriptor into float32 blocks on a pipe. Runs in a confined child and nowhere else.

The bytes are a stranger's. They are read from a file object, so nothing here can open a path or an address; formats
that point at other files (playlists, concat, SDP) and decoders for pictures are not on the lists. The header is never
believed: what counts is what was decoded. Must not import anything of ours but the wire, the assembly and the
completeness.
"""

import math
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO, Final

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from worker.audio.files.assembly import Assembler, Samples
from worker.audio.files.completeness import announced_bytes, cut_off
from worker.audio.files.endings import has_named_size, unfinished
from worker.audio.files.losses import CHECKED, CHECKING, NUMBERED, Losses
from worker.audio.files.ogg_pages import OggPages, count_pages
from worker.audio.files.wire import (
    MAX_CHANNELS,
    MAX_RATE_HZ,
    MIN_RATE_HZ,
    DecodeLimits,
    ErrorCode,
    FrameKind,
    StreamInfo,
    write_frame,
    write_json,
)

MAX_AMPLITUDE: Final = 8.0  # beyond this a float file is damaged, not loud
TRUNCATED_SHARE: Final = 0.95  # fewer of the claimed seconds than this is a truncated file

FORMATS: Final = "wav,w64,aiff,caf,au,flac,mp3,ogg,mov,matroska,aac,asf"
ESTIMATED_DURATION: Final = frozenset({"aac"})  # no header: FFmpeg guesses from the first frames' bit rate
_CLAIMS_FRAMES: Final = "aiff"  # it has a number of frames beside its number of bytes, and FFmpeg goes by the first
_PCM_BITS: Final = re.compile(r"^pcm_[usf](\d+)")
CODECS: Final = ",".join(
    [
        *(name for name in sorted(av.codecs_available) if name.startswith("pcm_")),
        *("flac", "alac", "mp3float", "mp3", "mp2float", "mp2", "mp1float", "aac", "aac_latm", "ac3", "eac3"),
        *("vorbis", "opus", "libopus", "speex", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"),
        *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "gsm", "gsm_ms", "amrnb", "amrwb"),
    ]
)


class Refused(Exception):
    """This file is not decoded any further; `args` are the wire's code and the reason in plain words."""


def decode(source: BinaryIO, sink_fd: int, limits: DecodeLimits) -> None:
    """Decode the first audio stream of `source` into `sink_fd`, whatever the bytes are. Never raises."""
    decoding = _Decoding(sink_fd, limits)
    try:
        decoding.run(source)
    except BrokenPipeError:
        return  # the reader has had enough
    except Refused as refusal:
        code, reason = refusal.args
        decoding.fail(code, reason)
    except MemoryError:
        decoding.fail(ErrorCode.UNREADABLE, f"decoding it needs more than {limits.memory_bytes // 2**20} MB of memory")
    except av.error.FFmpegError as error:
        decoding.fail(ErrorCode.UNREADABLE, f"it is damaged or no sound file ({error.strerror})")
    except Exception:  # a decoder fed with hostile bytes may raise anything; the file's owner gets one answer
        decoding.fail(ErrorCode.UNREADABLE, "it is damaged in a way that the decoder cannot handle")


class _Decoding:
    """One file on its way through."""

    def __init__(self, sink_fd: int, limits: DecodeLimits) -> None:
        self._sink_fd = sink_fd
        self._limits = limits
        self._info: StreamInfo | None = None
        self._frames = 0
        self._losses = Losses("")
        self._warnings: list[str] = []

    def run(self, source: BinaryIO) -> None:
        write_json(self._sink_fd, FrameKind.STARTED, {"pid": os.getpid()})
        cut, announced = cut_off(source) or unfinished(source), announced_bytes(source)
        has_size = has_named_size(source)
        with _open(source) as container:
            pages = _pages(source, container)
            stream = _first_audio(container)
            self._losses = Losses(container.format.name)
            assembler: Assembler | None = None
            for frame in self._decoded(container, stream):
                if assembler is None:
                    self._info = _describe(container, stream, frame, announced)
                    write_json(self._sink_fd, FrameKind.HEADER, _fields(self._info))
                    assembler = Assembler(frame)
                for block in assembler.add(frame):
                    self._emit(block)
            if assembler is None:
                raise Refused(ErrorCode.UNREADABLE, "it holds no sound that can be decoded")
            for block in assembler.finish():
                self._emit(block)
            self._warnings += assembler.warnings
            # Of PCM the claim is the announced bytes themselves (but AIFF's): whoever has fewer has lost some.
            is_claim = _PCM_BITS.search(stream.codec_context.name) and container.format.name != _CLAIMS_FRAMES
        self._finish(cut, pages, holds_all=(announced is not None and not is_claim) or has_size)

    def fail(self, code: str, reason: str) -> None:
        info = self._info
        fields = {
            "code": code,
            "reason": reason,
            "decoded_s": self._frames / info.rate_hz if info else 0.0,
            "header_duration_s": info.header_duration_s if info else None,
        }
        try:
            write_json(self._sink_fd, FrameKind.ERROR, fields)
        except OSError:
            return  # nobody listens any more

    def _decoded(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        """Yield every frame that decodes; a packet that does not is skipped and told of in the end."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except MemoryError:
                raise
            except Exception:  # salvage: what came before the damage is kept
                self._warnings.append("truncated: it is damaged; what follows the damage could not be read")
                break
            if packet is None:
                break
            try:
                frames = packet.decode()
            except MemoryError:
                raise
            except Exception:  # of any type: seen were FFmpegError, AttributeError and IndexError (PyAV 18.1)
                self._losses.fail(packet)
                continue
            self._losses.take(packet, frames)
            yield from (frame for frame in frames if frame.samples > 0)

    def _emit(self, block: Samples) -> None:
        assert self._info is not None
        self._frames += block.shape[1]
        if self._frames > self._limits.max_duration_s * self._info.rate_hz:
            raise Refused(ErrorCode.TOO_LONG, "")
        peak = float(np.abs(block).max(initial=0.0))
        if not peak <= MAX_AMPLITUDE:  # written so that NaN fails too
            raise Refused(ErrorCode.UNREADABLE, f"it holds impossible values ({peak:g} where 1.0 is full scale)")
        write_frame(self._sink_fd, FrameKind.BLOCK, np.ascontiguousarray(block).data)

    def _is_whole(self, pages: OggPages | None, holds_all: bool) -> bool:
        """Whether the bytes themselves show that nothing is missing, so that it is the header that errs.

        `holds_all`: as many as the file announces of them are there, by another number than the duration's.
        """
        return holds_all or self._losses.is_concluded or (pages is not None and pages.lost == 0)

    def _finish(self, cut: str | None, pages: OggPages | None, *, holds_all: bool) -> None:
        assert self._info is not None
        claimed_s, decoded_s = self._info.header_duration_s, self._frames / self._info.rate_hz
        if self._info.format in ESTIMATED_DURATION:
            claimed_s = None
        lost_s = self._losses.lost_s(self._info.rate_hz, claimed_s)
        damage = self._losses.told(lost_s)
        if pages is not None and pages.lost:
            lost_s = max(lost_s, (claimed_s or 0.0) - decoded_s)
            damage = (
                f"damaged: {pages.lost} of {pages.held + pages.lost} pages cannot be read; {lost_s:.2f} s are left out"
            )
        if damage is not None:
            self._warnings.append(damage)
        is_short = claimed_s is not None and decoded_s + lost_s < TRUNCATED_SHARE * claimed_s
        if is_short and cut is None and not self._warnings and self._is_whole(pages, holds_all):
            self._warnings.append(
                f"header: it says {claimed_s:.2f} s, {decoded_s:.2f} s were decoded; nothing is cut off"
            )
        elif is_short:
            self._warnings.append(f"truncated: the header claims {claimed_s:.2f} s, {decoded_s:.2f} s could be decoded")
        elif cut is not None:
            self._warnings.append(f"truncated: {cut}")
        write_json(self._sink_fd, FrameKind.TRAILER, {"frames": self._frames, "warnings": self._warnings[:16]})


def _pages(source: BinaryIO, container: InputContainer) -> OggPages | None:
    """Count the pages of an Ogg file, and leave the file where its container reads on."""
    if container.format.name != "ogg":
        return None
    at = source.tell()
    try:
        return count_pages(source)
    finally:
        source.seek(at)


def _open(source: BinaryIO) -> InputContainer:
    options = {"format_whitelist": FORMATS, "codec_whitelist": CODECS, "protocol_whitelist": "none"}
    try:
        return av.open(source, mode="r", options=options, metadata_errors="replace", buffer_size=256 * 1024)
    except av.error.FFmpegError as error:
        raise Refused(
            ErrorCode.UNREADABLE, "it is damaged: it begins like a sound file, but what follows cannot be read"
        ) from error


def _first_audio(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise Refused(ErrorCode.UNREADABLE, f"there is no sound in it (it is {container.format.name})")
    chosen = container.streams.audio[0]
    for other in container.streams:
        if other.index != chosen.index:
            other.discard = Discard.all
    _check_shape(chosen.codec_context.sample_rate or MIN_RATE_HZ, chosen.codec_context.channels or 1)
    chosen.codec_context.thread_count = 1
    if chosen.codec_context.name in CHECKED:
        chosen.codec_context.options = dict(CHECKING)
    return chosen


def _check_shape(rate_hz: int, channels: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        reason = f"its sample rate is {rate_hz} Hz; {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz can be used"
        raise Refused(ErrorCode.UNREADABLE, reason)
    if not 1 <= channels <= MAX_CHANNELS:
        raise Refused(ErrorCode.UNREADABLE, f"it has {channels} channels; 1 to {MAX_CHANNELS} can be used")


def _describe(container: InputContainer, stream: AudioStream, first: AudioFrame, announced: int | None) -> StreamInfo:
    """Describe the stream by its first frame: AAC with band replication doubles the rate its header names.

    `announced` is how many bytes of sound the header claims, which FFmpeg cuts down to those that are there,
    and takes for all that follow where a W64 is longer than it says.
    """
    _check_shape(first.sample_rate, first.layout.nb_channels)
    claimed_s: float | None = None
    if stream.duration and stream.time_base:
        # FLAC counts samples, of the rate that its frames name; the header's may be another.
        is_counted = container.format.name == NUMBERED
        claimed_s = float(stream.duration * (Fraction(1, first.sample_rate) if is_counted else stream.time_base))
    elif container.duration:
        claimed_s = container.duration / 1e6
    bits = _PCM_BITS.search(stream.codec_context.name)
    if container.format.name == _CLAIMS_FRAMES:
        announced = None
    if announced is not None and bits:  # the header's own bytes per second may be wrong
        claimed_s = announced * 8 / (int(bits[1]) * first.sample_rate * first.layout.nb_channels)
    elif announced is not None and stream.codec_context.name.startswith("pcm_") and stream.codec_context.bit_rate:
        claimed_s = announced * 8 / stream.codec_context.bit_rate
    if claimed_s is not None and not (math.isfinite(claimed_s) and claimed_s > 0):
        claimed_s = None
    format_name = container.format.name.partition(",")[0]
    return StreamInfo(format_name, stream.codec_context.name, first.sample_rate, first.layout.nb_channels, claimed_s)


def _fields(info: StreamInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in StreamInfo.__slots__}
