"""Make tracks of a stream of sound, a block at a time."""

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from worker.audio.measure.energy import fill
from worker.audio.measure.products import product
from worker.audio.measure.recursive import RecursiveFilter, high_pass
from worker.audio.measure.speech import WARM_UP_WINDOWS, Listener
from worker.audio.tracks import (
    ANALYSIS_RATE_HZ,
    BAND_RANGE_HZ,
    BANDS,
    HOP_FRAMES,
    HOPS_PER_WINDOW,
    NOTHING_DB,
    WINDOW_FRAMES,
    Bands,
    Track,
    Tracks,
)

RUMBLE_HZ: Final = 80.0  # below the lowest voices; hum, wind and desk knocks lie under it
RUMBLE_ORDER: Final = 4
_TINY_POWER: Final = np.float32(10 ** (NOTHING_DB / 10))
_DB_PER_NEPER: Final = np.float32(10 / np.log(10))  # numpy's log is faster than its log10

Samples = npt.NDArray[np.float32]


class Analysis:
    """The copy that is measured, never the one that is kept: 16 kHz, without rumble and offset, any number of rows."""

    def __init__(self, rows: int, rate_hz: int) -> None:
        self._resampler = soxr.ResampleStream(rate_hz, ANALYSIS_RATE_HZ, rows, dtype="float32", quality="MQ")
        self._high_pass = RecursiveFilter(high_pass(RUMBLE_HZ, RUMBLE_ORDER, ANALYSIS_RATE_HZ))
        self._rows = rows

    def take(self, block: Samples, *, is_last: bool = False) -> Samples:
        """Return what the next block, shape (rows, frames), becomes; with `is_last` all that was held back, too."""
        fine = self._resampler.resample_chunk(np.ascontiguousarray(block.T), last=is_last)
        samples = fine.reshape(-1, self._rows).T
        if not samples.shape[1]:
            return np.zeros((self._rows, 0), np.float32)
        return self._high_pass.take(samples)


class Surveyor:
    """Makes the tracks of one recording. Kept are 4.3 kB a second. Call `conclude` or `close` at the end."""

    def __init__(self) -> None:
        self._listener = Listener()
        self._rest: Samples = np.zeros(0, np.float32)
        self._half: Samples | None = None  # the second half of the last window, where the next frame begins
        self._levels: list[Track] = []
        self._heard: list[Track] = []
        self._bands: list[Bands] = []

    def add(self, samples: Samples, *, is_last: bool = False) -> tuple[npt.NDArray[np.float32], Track]:
        """Take the next samples of the analysis signal, shape (frames,).

        Returns:
            The windows that are now complete, shape (n, 512), and how likely each is speech (NaN: not listened to).
        """
        samples = np.concatenate((self._rest, samples))
        if is_last and samples.size % WINDOW_FRAMES > WINDOW_FRAMES // 2:
            samples = np.pad(samples, (0, -samples.size % WINDOW_FRAMES))
        count = samples.size // WINDOW_FRAMES
        if not is_last and not self._levels and count < WARM_UP_WINDOWS:
            count = 0
        self._rest = samples[count * WINDOW_FRAMES :].copy()
        windows = samples[: count * WINDOW_FRAMES].reshape(count, WINDOW_FRAMES)
        if not count:
            return windows, np.zeros(0, np.float32)
        levels_db = _decibels(np.einsum("wf,wf->w", windows, windows) / WINDOW_FRAMES)
        likely = self._listener.judge(windows, levels_db)
        self._levels.append(levels_db)
        self._heard.append(likely)
        self._take_bands(windows.reshape(-1))
        return windows, likely

    def conclude(self) -> Tracks:
        """Return the tracks of everything that was added, the last call of `add` having been told so."""
        if self._half is not None:
            self._append_frames(np.concatenate((self._half, np.zeros(HOP_FRAMES, np.float32))))
            self._half = None
        levels_db = np.concatenate([*self._levels, np.zeros(0, np.float32)])
        heard = np.concatenate([*self._heard, np.zeros(0, np.float32)])
        bands_db = np.concatenate([*self._bands, np.zeros((0, BANDS), np.float16)])
        by = self._listener.by
        self.close()
        listened = ~np.isnan(heard)
        return Tracks(levels_db, fill(levels_db, heard, listened), listened, bands_db, by)

    def close(self) -> None:
        """Give the model back, whether or not the recording came to its end."""
        self._listener.close()

    def _take_bands(self, samples: Samples) -> None:
        joined = samples if self._half is None else np.concatenate((self._half, samples))
        self._append_frames(joined)
        self._half = samples[-HOP_FRAMES:].copy()

    def _append_frames(self, samples: Samples) -> None:
        frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_FRAMES)[::HOP_FRAMES] * _TAPER
        spectrum = np.fft.rfft(frames, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        self._bands.append(_decibels(product(power, _MEL)).astype(np.float16))


def survey(samples: Samples, rate_hz: int) -> Tracks:
    """Return the tracks of a whole mono signal, shape (frames,), for those who hold one in memory."""
    analysis, surveyor = Analysis(1, rate_hz), Surveyor()
    surveyor.add(analysis.take(samples[None], is_last=True)[0], is_last=True)
    return surveyor.conclude()


def _decibels(powers: Samples) -> Track:
    levels_db = _DB_PER_NEPER * np.log(np.maximum(powers, _TINY_POWER))
    return np.where(powers > _TINY_POWER, levels_db, np.float32(NOTHING_DB)).astype(np.float32)


def _mel_weights() -> Samples:
    """Return what each of the 257 bins is worth to each band, columns adding up to one: shape (257, BANDS)."""
    lowest, highest = (2595 * np.log10(1 + edge_hz / 700) for edge_hz in BAND_RANGE_HZ)
    edges_hz = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    bins_hz = np.arange(WINDOW_FRAMES // 2 + 1) * ANALYSIS_RATE_HZ / WINDOW_FRAMES
    rising = (bins_hz[:, None] - edges_hz[:-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling = (edges_hz[2:] - bins_hz[:, None]) / (edges_hz[2:] - edges_hz[1:-1])
    weights = np.maximum(np.minimum(rising, falling), 0)
    # The lowest bands are narrower than the bins' distance: each has at least its nearest bin.
    nearest = np.abs(bins_hz[:, None] - edges_hz[1:-1]).argmin(axis=0)
    weights[nearest, np.arange(BANDS)] = np.maximum(weights[nearest, np.arange(BANDS)], 1e-3)
    return np.asarray(weights / weights.sum(axis=0), np.float32)


_TAPER: Final[Samples] = np.sqrt(np.hanning(WINDOW_FRAMES + 1)[:-1]).astype(np.float32) / np.float32(
    np.sqrt(WINDOW_FRAMES / 2)
)
_MEL: Final = _mel_weights()
assert WINDOW_FRAMES == HOPS_PER_WINDOW * HOP_FRAMES
