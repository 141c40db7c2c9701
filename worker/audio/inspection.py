"""Measure a recording in one decoding pass, and refuse what no voice can be cloned from.

What `validate` calls. It changes nothing and writes nothing; what it finds is what the owner reads and what
`worker.audio.preparation` goes by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shared.errors import AudioTooShort, NoSpeech
from worker.audio.activity import find_activity
from worker.audio.decibels import amplitude_to_db, power_to_db
from worker.audio.decoder import Decoder
from worker.audio.downmix import Mix, candidates, choose, mix_of
from worker.audio.levels import HOP_S, HighPass, LevelMeter, frame_meter
from worker.audio.loudness import LoudnessMeter
from worker.audio.noise import estimate_snr_db
from worker.audio.peaks import PeakMeter, Peaks
from worker.audio.progress import Advance, Progress, fraction_of
from worker.audio.speech import SpeechBy, SpeechMeter
from worker.audio.stream import DecodedStream, unreadable
from worker.audio.wire import DecodeLimits, StreamInfo

MIN_DURATION_S: Final = 1.0
SILENCE_LUFS: Final = -60.0
MIN_SPEECH_S: Final = 0.3  # one short word
# Ten real recordings of speech: .88 and more in six noises at 10 dB SNR, .73 at 5 dB; one of them in 54 s of pause at
# 10 dB: .74. A trumpet and a motor: no speech at all (2026-11).
MIN_SPEECH_SHARE: Final = 0.3
PIECE_FRAMES: Final = 16_384  # with its filtered copies this stays in the cache: twice as fast as whole seconds


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was measured. Levels are of the mono signal that `mix` makes; `active_s` is what stands out of its floor.

    `header_duration_s` is the file's own claim, `duration_s` what was decoded. `speech_s` is what `speech_by` takes for
    a voice, and `speech_share` its part in all that is about as loud or louder. Each warning begins with a word and a
    colon, such as `truncated:`. The outline for drawing is kept apart from the report.
    """

    format: str
    codec: str
    rate_hz: int
    channels: int
    duration_s: float
    header_duration_s: float | None
    peak_dbfs: float
    rms_dbfs: float
    loudness_lufs: float | None
    snr_db: float | None
    active_s: float
    speech_s: float
    speech_share: float
    speech_by: SpeechBy
    mix: Mix
    warnings: tuple[str, ...]
    peaks: Peaks | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the measures, without the outline, as JSON values; all numbers are finite."""
        values = {name: getattr(self, name) for name in _stored_names()}
        return values | {"mix": self.mix.to_json(), "warnings": list(self.warnings)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Inspection":
        """Read back what `to_json` returned; unknown keys are left out. Raises: KeyError, TypeError."""
        known = {name: stored[name] for name in _stored_names()}
        return cls(**known | {"mix": Mix(**stored["mix"]), "warnings": tuple(stored["warnings"])})


def _stored_names() -> list[str]:
    return [each.name for each in fields(Inspection) if each.name != "peaks"]


def inspect(decoder: Decoder, path: Path, *, filename: str, limits: DecodeLimits, progress: Progress) -> Inspection:
    """Decode a recording once and measure it; memory does not grow with its length but for 4 bytes per 10 ms and row.

    `progress` gets fractions from 0 to 1; what it raises goes through, after the child has been ended.

    Raises: AudioUnreadable, AudioTooShort, AudioTooLong, NoSpeech, DecoderLost, SourceMissing.
    """
    advance = Advance(progress)
    advance.report(0.0)
    with decoder.decode(path, filename=filename, limits=limits) as stream:
        found = None if _claims_too_much(stream, limits) else _measure(stream, advance)
        if found is None:
            # Counting is ten times as fast as measuring. The claim alone is no reason to refuse: a streamed WAV claims
            # whatever fits its header, and then ends early and is measured after all.
            for _ in stream:
                advance.report(0.0)
    if found is None:
        with decoder.decode(path, filename=filename, limits=limits) as stream:
            found = _measure(stream, advance)
    _refuse_useless(found, filename)
    advance.report(1.0)
    return found


def _claims_too_much(stream: DecodedStream, limits: DecodeLimits) -> bool:
    return (stream.info.header_duration_s or 0.0) > limits.max_duration_s


def _measure(stream: DecodedStream, advance: Advance) -> Inspection:
    survey = _Survey(stream.info)
    for block in stream:
        survey.add(block)
        advance.report(fraction_of(survey.duration_s, stream.info.header_duration_s))
    return survey.conclude(stream)


class _Survey:
    """All meters over all candidates for the mono signal, because which one it is shows only at the end."""

    def __init__(self, info: StreamInfo) -> None:
        rows = info.channels + 1 if info.channels > 1 else 1
        self._info = info
        self._frames = 0
        self._levels = LevelMeter(rows)
        self._high_pass = HighPass(info.rate_hz)
        self._powers = frame_meter(rows, info.rate_hz)
        self._sums = np.zeros(rows)
        self._speech = SpeechMeter(info.rate_hz)
        self._peaks = PeakMeter(rows)
        self._loudness = LoudnessMeter(info.channels, info.rate_hz)

    @property
    def duration_s(self) -> float:
        return self._frames / self._info.rate_hz

    def add(self, block: npt.NDArray[np.float32]) -> None:
        for start in range(0, block.shape[1], PIECE_FRAMES):
            self._measure(block[:, start : start + PIECE_FRAMES])

    def _measure(self, block: npt.NDArray[np.float32]) -> None:
        self._frames += block.shape[1]
        plain = candidates(block)
        self._levels.add(plain)
        self._peaks.add(plain)
        exact = block.astype(np.float64)
        filtered = candidates(self._high_pass.filter(exact))
        self._powers.add(filtered)
        self._speech.add(filtered[self._row_so_far(filtered)])
        self._loudness.add_weighted(candidates(self._loudness.filter(exact)))

    def _row_so_far(self, filtered: npt.NDArray[np.floating]) -> int:
        """Return the row to listen to: the one that would be chosen if the file ended here."""
        if self._sums.size > 1:
            self._sums += np.square(filtered).sum(axis=1)
        return choose(self._sums)

    def conclude(self, stream: DecodedStream) -> Inspection:
        powers = self._powers.powers()
        row = choose(powers.mean(axis=1, dtype=np.float64)) if powers.shape[1] else 0
        warnings = stream.warnings
        if row:
            warnings += (f"one-sided: mixing the channels would lose the voice; channel {row} alone is used",)
        info, levels = self._info, self._levels
        activity = find_activity(powers[row])
        speech = self._speech.conclude(activity)
        return Inspection(
            format=info.format,
            codec=info.codec,
            rate_hz=info.rate_hz,
            channels=info.channels,
            duration_s=self.duration_s,
            header_duration_s=info.header_duration_s,
            peak_dbfs=amplitude_to_db(levels.peak(row)),
            rms_dbfs=power_to_db(levels.power(row)),
            loudness_lufs=self._loudness.integrated_lufs(row),
            snr_db=estimate_snr_db(powers[row]),
            active_s=round(float(activity.active.sum()) * HOP_S, 2),
            speech_s=speech.duration_s,
            speech_share=speech.share,
            speech_by=speech.by,
            mix=mix_of(row, levels.offset(row)),
            warnings=warnings,
            peaks=self._peaks.peaks(row, offset=levels.offset(row)),
        )


def _refuse_useless(found: Inspection, filename: str) -> None:
    if found.duration_s < MIN_DURATION_S:
        if any(warning.startswith(("truncated", "damaged")) for warning in found.warnings):
            raise unreadable(filename, f"it breaks off after {found.duration_s:.2f} s")
        raise AudioTooShort(
            f"{filename} has {found.duration_s:.2f} s of sound; at least {MIN_DURATION_S:g} s is needed. "
            "Record more, or check that the export was complete.",
            filename=filename,
            found_s=found.duration_s,
            limit_s=MIN_DURATION_S,
        )
    loudness_lufs = found.loudness_lufs
    if loudness_lufs is None or loudness_lufs < SILENCE_LUFS:
        level = "no measurable loudness" if loudness_lufs is None else f"a loudness of {loudness_lufs:.1f} LUFS"
        raise NoSpeech(
            f"{filename} is silent: it has {level}; at least {SILENCE_LUFS:g} LUFS is needed. "
            "Check that the right microphone was recorded and that it was not muted.",
            filename=filename,
            found_lufs=loudness_lufs,
            limit_lufs=SILENCE_LUFS,
        )
    if found.speech_s < MIN_SPEECH_S:
        raise NoSpeech(
            f"{filename} holds no speech that could be heard: {found.speech_s:.2f} s sound like a voice; "
            f"at least {MIN_SPEECH_S:g} s is needed. Upload a recording in which the speaker is clearly heard.",
            filename=filename,
            found_s=found.speech_s,
            limit_s=MIN_SPEECH_S,
        )
    if found.speech_share < MIN_SPEECH_SHARE:
        raise NoSpeech(
            f"{filename} is mostly something else than speech: of what is about as loud as the voice or louder, "
            f"{found.speech_share:.0%} is speech; at least {MIN_SPEECH_SHARE:.0%} is needed. "
            "Upload a recording of the speaker without music, machines or other loud sounds.",
            filename=filename,
            found_share=found.speech_share,
            limit_share=MIN_SPEECH_SHARE,
        )
