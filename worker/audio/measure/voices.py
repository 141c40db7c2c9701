"""Whether a recording holds one voice or several, and whether a treatment kept the voice it was given.

While a recording passes, a few stretches of 1.6 s that are almost all speech are kept, spread evenly over it; at its
end they become voiceprints, and those are split in two as well as can be. Halves of one voice are alike, halves of
two are not. Windows of the smaller half can be avoided when stretches are chosen. Nothing here knows or says who
speaks, and voices that only ever speak at the same time are not told apart.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.measure.voiceprint import WINDOW_FRAMES, WINDOW_S, Embeddings, Samples, embed, similarity
from worker.audio.tracks import WINDOW_FRAMES as HEARD_FRAMES
from worker.audio.tracks import WINDOW_S as HEARD_S
from worker.audio.tracks import Span

MOST_WINDOWS: Final = 24
LEAST_WINDOWS: Final = 4
# Measured 2026-11 on 70 speakers, where it was chosen: of 271 recordings of one voice (also with noise at 20 and 10 dB,
# as telephone and as MP3, and takes joined) 1.5 % fall under it, of 73 with two or more 82 % do; echo costs more.
ONE_VOICE_CONSISTENCY: Final = 0.77
CLEAR_DB: Final = 16.0  # with it, 96 instead of 83 % of 60 s mixtures got a stretch of the main voice alone (2026-11)
JOIN_S, WIDEN_S = 4.0, 1.2  # windows of the other voice that lie this close are one stretch of it
LEAST_SPEECH: Final = 0.8  # mean probability of a window; d-vectors of pauses are those of another "voice"

# One odd window is a cough or a laugh; so are two of many. Eight foreign seconds in a minute are three windows or more.
_LEAST_HALF: Final = 2
_LEAST_HALF_OF_MANY: Final = 3
_MANY_WINDOWS: Final = 16
_ROUNDS: Final = 5
_HEARD_PER_WINDOW: Final = WINDOW_FRAMES // HEARD_FRAMES
_LEAST_EXPECTED: Final = LEAST_SPEECH * _HEARD_PER_WINDOW - 1e-6

Vector = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Voices:
    """What was found of the voices of one recording.

    Attributes:
        starts_s: Where each window of 1.6 s begins, ascending, shape (count,).
        embeddings: The voiceprint of each, unit vectors, shape (count, 256).
        consistency: Cosine between the halves of the best split in two; None where there is too little speech to tell.
        main_voice: The mean voiceprint of the larger half as a unit vector, or of all windows where they are of one
            voice; shape (256,); None without speech.
        foreign_spans: Where the other voice speaks, about; none where there is one voice.
    """

    starts_s: npt.NDArray[np.float64]
    embeddings: Embeddings
    consistency: float | None
    main_voice: Vector | None
    foreign_spans: tuple[Span, ...]

    @property
    def are_several(self) -> bool:
        return self.consistency is not None and self.consistency < ONE_VOICE_CONSISTENCY


class VoiceMeter:
    """Keeps windows of one recording as it passes, at most twice as many as are embedded: 5 MB however long it is."""

    def __init__(self, most_windows: int = MOST_WINDOWS) -> None:
        """Raises: ValueError: for fewer windows than a judgement needs."""
        if most_windows < LEAST_WINDOWS:
            raise ValueError(f"{most_windows} windows are too few to judge voices by; {LEAST_WINDOWS} are needed")
        self._most_windows = most_windows
        self._rest = np.zeros(0, np.float32)
        self._rest_speech = np.zeros(0, np.float32)
        self._heard = 0  # where the rest begins, counted in windows of 32 ms
        self._stride = _HEARD_PER_WINDOW  # kept windows begin at least this far apart
        self._starts: list[int] = []
        self._kept: list[Samples] = []
        self._voices: Voices | None = None

    def add(self, samples: Samples, speech: npt.NDArray[np.floating]) -> None:
        """Take what follows.

        Args:
            samples: The analysis signal, mono at 16 kHz, shape (windows * 512,).
            speech: How likely each of its windows of 32 ms is speech, NaN where nobody listened, shape (windows,).
        """
        if samples.size != speech.size * HEARD_FRAMES:
            raise ValueError(f"{samples.size} samples are not {speech.size} windows of {HEARD_FRAMES}")
        samples = np.concatenate((self._rest, samples), dtype=np.float32)
        speech = np.concatenate((self._rest_speech, np.nan_to_num(speech, nan=0.0)), dtype=np.float32)
        sums = np.concatenate((np.zeros(1), np.cumsum(speech, dtype=np.float64)))
        expected = sums[_HEARD_PER_WINDOW:] - sums[:-_HEARD_PER_WINDOW]
        for start in np.flatnonzero(expected >= _LEAST_EXPECTED):
            if not self._starts or self._heard + start >= self._starts[-1] + self._stride:
                self._keep(int(start), samples)
        rest = min(speech.size, _HEARD_PER_WINDOW - 1)
        self._heard += speech.size - rest
        self._rest_speech = speech[speech.size - rest :].copy()
        self._rest = samples[samples.size - rest * HEARD_FRAMES :].copy()

    def conclude(self, clearness_db: npt.NDArray[np.floating] | None = None) -> Voices:
        """Return the finding; nothing can be added to it afterwards. Embeds at the first call only.

        `clearness_db` is how far the voice stands above the noise in every second, shape (seconds,): where enough of
        the recording is clear, only that is judged, for in noise one voice sounds like two.
        """
        if self._voices is None:
            chosen = _evenly(len(self._kept), self._most_windows)
            windows = [self._kept[index] for index in chosen]
            starts_s = np.round(np.array([self._starts[index] for index in chosen], np.float64) * HEARD_S, 3)
            if clearness_db is not None and len(windows):
                clear = _clear(starts_s, clearness_db)
                starts_s, windows = starts_s[clear], [windows[index] for index in np.flatnonzero(clear)]
            embeddings = embed(np.stack(windows) if windows else np.zeros((0, WINDOW_FRAMES), np.float32))
            self._voices = judge(starts_s, embeddings)
            self._kept = []
        return self._voices

    def _keep(self, start: int, samples: Samples) -> None:
        first = start * HEARD_FRAMES
        self._starts.append(self._heard + start)
        self._kept.append(samples[first : first + WINDOW_FRAMES].copy())
        while len(self._kept) >= 2 * self._most_windows:
            self._stride *= 2
            self._thin()

    def _thin(self) -> None:
        """Drop the windows that are nearer to the one before them than the stride."""
        chosen: list[int] = []
        for index, start in enumerate(self._starts):
            if not chosen or start >= self._starts[chosen[-1]] + self._stride:
                chosen.append(index)
        self._starts = [self._starts[index] for index in chosen]
        self._kept = [self._kept[index] for index in chosen]


def judge(starts_s: npt.NDArray[np.float64], embeddings: Embeddings) -> Voices:
    """Return what windows with these beginnings and voiceprints say of the voices."""
    if not len(embeddings):
        return Voices(starts_s, embeddings, None, None, ())
    if len(embeddings) < LEAST_WINDOWS:
        return Voices(starts_s, embeddings, None, _direction(embeddings), ())
    is_main = split(embeddings)
    consistency = similarity(embeddings[is_main], embeddings[~is_main])
    if consistency >= ONE_VOICE_CONSISTENCY:
        return Voices(starts_s, embeddings, consistency, _direction(embeddings), ())
    return Voices(starts_s, embeddings, consistency, _direction(embeddings[is_main]), _around(starts_s[~is_main]))


def split(embeddings: Embeddings) -> Flags:
    """Return which windows are of the larger half of the split in two whose halves are least alike, shape (count,).

    Tried are all cuts of the windows' order along their first principal axis; then every window goes to the half it is
    more like: that finds 97 instead of 88 % of the windows of an intruder (2026-11).
    """
    least = _LEAST_HALF if len(embeddings) < _MANY_WINDOWS else _LEAST_HALF_OF_MANY
    centred = embeddings - embeddings.mean(axis=0)
    order = np.argsort(centred @ np.linalg.svd(centred, full_matrices=False)[2][0], kind="stable")
    cuts = range(least, len(order) - least + 1)
    cut = min(cuts, key=lambda cut: similarity(embeddings[order[:cut]], embeddings[order[cut:]]))
    is_second = np.zeros(len(order), np.bool_)
    is_second[order[cut:]] = True
    for _ in range(_ROUNDS):
        first, second = _direction(embeddings[~is_second]), _direction(embeddings[is_second])
        is_nearer = embeddings @ second > embeddings @ first
        if min(is_nearer.sum(), (~is_nearer).sum()) < least:
            break
        is_second = is_nearer
    return is_second if 2 * is_second.sum() > len(order) else ~is_second


def voice_kept(before: Samples, after: Samples) -> float:
    """Return how alike the voice is before and after a treatment, 0 to 1: the cosine of the mean voiceprints.

    Args:
        before: Windows of almost only speech, mono at 16 kHz, shape (count, 25600).
        after: The same stretches after the treatment.
    """
    return similarity(embed(before), embed(after))


def _clear(starts_s: npt.NDArray[np.float64], clearness_db: npt.NDArray[np.floating]) -> Flags:
    """Return which windows are clear enough to be judged; all of them where too few are."""
    seconds = np.clip((starts_s + WINDOW_S / 2).astype(np.int64), 0, clearness_db.size - 1)
    clear = clearness_db[seconds] >= CLEAR_DB
    return clear if clear.sum() >= LEAST_WINDOWS else np.ones(starts_s.size, np.bool_)


def _around(starts_s: npt.NDArray[np.float64]) -> tuple[Span, ...]:
    """Return the windows that begin there as stretches: near ones joined, and widened, for a voice goes on between."""
    spans: list[Span] = []
    for start_s in starts_s.tolist():
        if spans and start_s - spans[-1].end_s <= JOIN_S + 2 * WIDEN_S:
            spans[-1] = Span(spans[-1].start_s, start_s + WINDOW_S + WIDEN_S)
        else:
            spans.append(Span(max(start_s - WIDEN_S, 0.0), start_s + WINDOW_S + WIDEN_S))
    return tuple(spans)


def _direction(embeddings: Embeddings) -> Vector:
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def _evenly(count: int, most: int) -> list[int]:
    """Return indices into `count` things, at most `most`, spread evenly."""
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]
