"""Measure a recording in one decoding pass, and refuse what no voice can be cloned from.

What `validate` calls. It changes nothing, and writes nothing but the copy that it may leave for `prepare`.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.files.decoder import Decoder
from worker.audio.files.stream import DecodedStream
from worker.audio.files.wire import DecodeLimits, StreamInfo
from worker.audio.measure.downmix import mix_of, row_of
from worker.audio.measure.inspection import Examination, Inspection
from worker.audio.measure.levels import listening_gain
from worker.audio.measure.measures import measure
from worker.audio.measure.sides import Sides
from worker.audio.measure.snr import local_snr_db
from worker.audio.measure.sound import SoundMeter
from worker.audio.measure.surveyor import Surveyor
from worker.audio.measure.voices import VoiceMeter
from worker.audio.progress import Advance, Progress, fraction_of
from worker.audio.refusal import refusal_of, with_findings
from worker.audio.scratch import Copy, Shelf

EXACT: Final = frozenset({"wav", "w64", "aiff", "caf", "au", "flac"})  # the header tells the length, to the frame
UNCLAIMED: Final = frozenset({"ogg"})  # the length is read off the last page there is
PIECE_FRAMES: Final = 48_000  # small enough for the cache, and large enough for its calls to cost little


def inspect(
    decoder: Decoder,
    path: Path,
    *,
    filename: str,
    limits: DecodeLimits,
    progress: Progress,
    shelf: Shelf | None = None,
) -> Examination:
    """Measure a recording that a voice can be cloned from, as `listen` does.

    Raises: AudioUnreadable, AudioTooShort, AudioTooLong, AudioTooQuiet, AudioTooNoisy, AudioClipped, NoSpeech,
        DecoderLost, SourceMissing.
    """
    found = listen(decoder, path, filename=filename, limits=limits, progress=progress, shelf=shelf)
    refusal = refusal_of(found, filename)
    if refusal is not None:
        raise refusal
    return found


def listen(
    decoder: Decoder,
    path: Path,
    *,
    filename: str,
    limits: DecodeLimits,
    progress: Progress,
    shelf: Shelf | None = None,
) -> Examination:
    """Decode a recording once and measure it, useless or not; memory grows by 4.3 kB for each second of it.

    `progress` gets fractions from 0 to 1; what it raises goes through, after the child has been ended. On the `shelf` a
    copy is left of what was measured: mono, with its offset, at the recording's rate.

    Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.
    """
    advance = Advance(progress)
    advance.report(0.0)
    found: Examination | _Hearing | None = None
    with decoder.decode(path, filename=filename, limits=limits) as stream:
        if (stream.info.header_duration_s or 0.0) > limits.max_duration_s:
            # Counting is ten times as fast as measuring. The claim alone is no reason to refuse: a streamed WAV
            # claims whatever fits its header, and then ends early and is measured after all.
            for _ in stream:
                advance.report(0.0)
        else:
            found = _measure(stream, advance, shelf, None)
    while not isinstance(found, Examination):  # at most twice: where it is given there is no better one
        with decoder.decode(path, filename=filename, limits=limits) as stream:
            found = _measure(stream, advance, shelf, found)
    advance.report(1.0)
    return found


@dataclass(frozen=True, slots=True)
class _Hearing:
    """How a recording is listened to: which of the candidates for mono, and raised by what factor."""

    row: int
    gain: float


def _measure(
    stream: DecodedStream, advance: Advance, shelf: Shelf | None, hearing: _Hearing | None
) -> Examination | _Hearing:
    """Return the examination; or how to listen, where it had been listened to otherwise on the way."""
    survey = _Survey(stream.info, hearing, Copy(shelf, stream.info.rate_hz) if shelf else None)
    try:
        for block in stream:
            survey.add(block)
            advance.report(fraction_of(survey.duration_s, stream.info.header_duration_s))
        return survey.conclude(stream)
    finally:
        survey.close()


class _Survey:
    """All meters over one mono signal: of the candidates for it the one that is best so far, or the given one.

    Which one it is shows only at the end, and so does how loud the recording is. Nearly always the first second is
    right and no gain is needed; where that was not so, `conclude` says it, and the recording is gone through again.
    """

    def __init__(self, info: StreamInfo, hearing: _Hearing | None, copy: Copy | None) -> None:
        self._info = info
        self._given = hearing
        self._gain = np.float32(hearing.gain if hearing else 1.0)
        self._copy = copy
        self._sides = Sides(info.channels, info.rate_hz, hearing.row if hearing else None)
        self._surveyor = Surveyor()
        self._voices = VoiceMeter()
        self._sound = SoundMeter(info.rate_hz)

    @property
    def duration_s(self) -> float:
        return self._sound.duration_s

    def add(self, block: npt.NDArray[np.float32]) -> None:
        for start in range(0, block.shape[1], PIECE_FRAMES):
            piece = block[:, start : start + PIECE_FRAMES]
            self._listen(self._sides.take(piece))
            chosen = row_of(piece, self._sides.row)
            self._sound.add(chosen)
            if self._copy is not None:
                self._copy.append(chosen)

    def conclude(self, stream: DecodedStream) -> Examination | _Hearing:
        self._listen(self._sides.conclude(), is_last=True)
        row = self._sides.row
        needed = _Hearing(row, listening_gain(self._sides.mix.powers(row)))
        if self._given is None and (needed.gain != 1.0 or not self._sides.is_settled):
            return needed
        if self._copy is not None:
            self._copy.complete()
        tracks, sound = replace(self._surveyor.conclude(), gain=float(self._gain)), self._sound.result()
        voices = self._voices.conclude(local_snr_db(tracks))
        measures = measure(
            tracks,
            sound,
            missing_share=self._missing_share(stream),
            voice_likeness=voices.consistency,
        )
        warnings = stream.warnings
        if row:
            warnings += (self._sides.mix.told(row),)
        info = self._info
        inspection = Inspection(
            format=info.format,
            codec=info.codec,
            rate_hz=info.rate_hz,
            channels=info.channels,
            duration_s=sound.duration_s,
            header_duration_s=info.header_duration_s,
            mix=mix_of(row, sound.offset),
            measures=measures,
            findings=(),
            warnings=warnings,
            peaks=sound.peaks,
        )
        return with_findings(
            Examination(
                inspection,
                tracks,
                sound.flat_tops_per_s,
                voices.foreign_spans,
                voices.main_voice,
                sound.loudness_steps,
            )
        )

    def _missing_share(self, stream: DecodedStream) -> float | None:
        """Return what is missing of the claimed duration; None where the file was cut and claims none to go by."""
        claimed_s, is_cut = self._info.header_duration_s, any(each.startswith("truncated") for each in stream.warnings)
        if is_cut and self._info.format in UNCLAIMED:
            return None
        if any(each.startswith("header") for each in stream.warnings):
            return 0.0
        # Other headers guess, so that their claim counts only where the decoder found it to be meant.
        if claimed_s is None or not (is_cut or self._info.format in EXACT):
            return 0.0
        return max(0.0, 1 - self.duration_s / claimed_s)

    def close(self) -> None:
        self._surveyor.close()
        if self._copy is not None:
            self._copy.close()

    def _listen(self, analysis: npt.NDArray[np.float32], *, is_last: bool = False) -> None:
        windows, likely = self._surveyor.add(self._gain * analysis, is_last=is_last)
        if len(windows):
            self._voices.add(windows.reshape(-1), likely)
