"""How much of a recording its decoder could not read, in seconds: what is left out must be told.

A packet that raises is as long as its container says. Of bare FLAC that is not enough: FFmpeg drops a frame whose
checksum is wrong without a word, and packs frames together where it lost count (8.1, 2026-11); but every frame names
the sample that it begins with, so a jump of that number is what was dropped.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

# Of these codecs FFmpeg checks the sums when it is asked to; a frame whose sum is wrong is noise at full scale.
CHECKED: Final = frozenset({"flac", "mp3float", "mp3", "mp2float", "mp2", "mp1float", "ac3", "eac3"})
CHECKING: Final = {"err_detect": "crccheck+explode"}
SPAN: Final = 8 * 65_535  # samples: FFmpeg holds back some frames while it looks for the next
NUMBERED: Final = "flac"  # the container whose packets' times are the numbers of samples


class Losses:
    """Counts what was dropped of one stream, packet by packet."""

    def __init__(self, format_name: str) -> None:
        self._is_numbered = format_name == NUMBERED
        self._failed = 0
        self._failed_since = 0
        self._failed_s = 0.0
        self._first: int | None = None
        self._next: int | None = None
        self._skipped = 0
        self._longest = 0
        self._last = 0

    def fail(self, packet: "Packet[AudioStream]") -> None:
        """Take a packet that could not be decoded."""
        self._failed += 1
        self._failed_since += 1
        if packet.duration and packet.time_base:
            self._failed_s += float(packet.duration * packet.time_base)

    def take(self, packet: "Packet[AudioStream]", frames: Sequence[AudioFrame]) -> None:
        """Take a packet and what came of it."""
        samples = sum(frame.samples for frame in frames)
        if not self._is_numbered or not samples:
            return
        if packet.time_base != Fraction(1, frames[0].sample_rate):  # the header lies about the rate, so that
            self._is_numbered = False  # FFmpeg's guesses of a number are wrong
            return
        at = packet.pts if packet.pts is not None else self._next or 0
        if self._next is None:
            self._first = at
        elif at - self._next > -SPAN:  # a number that falls back within it was guessed too high before
            self._skipped += at - self._next
        self._next = at + samples
        self._failed_since = 0
        self._longest = max(self._longest, *(frame.samples for frame in frames))
        self._last = frames[-1].samples

    def lost_s(self, rate_hz: int, claimed_s: float | None) -> float:
        """Return what was dropped: before, between and behind what could be read, but not what a cut took away.

        A FLAC that is part of a stream begins with a high number and has lost nothing. Only where its numbers lead to
        what the header claims was the beginning dropped.
        """
        if not self._is_numbered or self._next is None:
            return self._failed_s
        skipped, behind = self._skipped, round((claimed_s or 0.0) * rate_hz) - self._next
        # A file that was cut ends in one piece of a frame; more of them that are no use are damaged.
        if behind >= 0 and (behind <= self._longest or self._failed_since > 1):
            skipped += behind + (self._first or 0)
        return max(skipped, 0) / rate_hz

    @property
    def is_concluded(self) -> bool:
        """Whether a FLAC ends as encoders end one: with a frame that is shorter than the others, and nothing lost."""
        return self._skipped <= 0 and self._failed_since == 0 and 0 < self._last < self._longest

    def told(self, lost_s: float) -> str | None:
        """Return what was lost in words, or None where nothing was."""
        if lost_s:
            return f"damaged: {max(lost_s, 0.01):.2f} s could not be decoded and are left out"
        if self._failed and not self._is_numbered:
            pieces = "1 piece" if self._failed == 1 else f"{self._failed} pieces"
            return f"damaged: {pieces} could not be decoded and {'is' if self._failed == 1 else 'are'} left out"
        return None
