"""Whether a recording holds one voice or several, and whether a treatment kept the voice it was given.

While a recording passes, a few stretches of 1.6 s that are mostly speech are kept, spread evenly over it; at its end
half of them become voiceprints, and those are split in two as well as can be. Halves of one voice are alike, halves of
two are not. Where they are not clearly alike the other half is heard, too, so that it is known better where another
voice begins and ends and can be avoided when stretches are chosen. Nothing here knows or says who speaks, and voices
that only ever speak at the same time are not told apart.
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
LEAST_WINDOWS: Final = 7
LEAST_CLEAR: Final = 4
# Measured 2026-11 on 70 speakers, where it was chosen: of 271 recordings of one voice (also with noise at 20 and 10 dB,
# as telephone and as MP3, and takes joined) 1.5 % fall under it, of 73 with two or more 82 % do; echo costs more.
ONE_VOICE_CONSISTENCY: Final = 0.77
# In noise one voice sounds like two, most of all where the noise begins and ends: a window is clear when all seconds
# around it are. Where too few are, the halves have to be less alike than that by so much (2026-11).
CLEAR_DB: Final = 16.0
UNCLEAR_ALLOWANCE: Final = 0.07
NOISE_APART_DB: Final = 6.0
SURE_CONSISTENCY: Final = (
    0.80  # from here on the first half of the windows decides alone: 5 of 6 recordings of one voice
)
THIRD_VOICE_CONSISTENCY: Final = 0.70  # of the main voice's windows, below which they are split again
MOST_VOICES: Final = 4
REACH_S: Final = 6.0  # the other voice goes on until the main one is heard, but no further than this
LEAST_SPEECH: Final = 0.7  # mean probability of a window; d-vectors of pauses are those of another "voice"

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
        self._stride = _HEARD_PER_WINDOW // 2  # kept windows begin at least this far apart
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
        the recording is clear, only that is split, for in noise one voice sounds like two.
        """
        if self._voices is None:
            every = np.round(np.array(self._starts, np.float64) * HEARD_S, 3)
            first = _evenly(len(self._kept), self._most_windows)
            embeddings = self._embedded(first)
            self._voices = judge(every[first], embeddings, clearness_db)
            consistency = self._voices.consistency
            if consistency is not None and consistency < SURE_CONSISTENCY and len(first) < len(every):
                whole = np.zeros((len(every), embeddings.shape[1]), np.float32)
                others = sorted(set(range(len(every))) - set(first))
                whole[first], whole[others] = embeddings, self._embedded(others)
                self._voices = judge(every, whole, clearness_db)
            self._kept = []
        return self._voices

    def _embedded(self, chosen: list[int]) -> Embeddings:
        windows = [self._kept[index] for index in chosen]
        return embed(np.stack(windows) if windows else np.zeros((0, WINDOW_FRAMES), np.float32))

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


def judge(
    starts_s: npt.NDArray[np.float64],
    embeddings: Embeddings,
    clearness_db: npt.NDArray[np.floating] | None = None,
) -> Voices:
    """Return what windows with these beginnings and voiceprints say of the voices."""
    if not len(embeddings):
        return Voices(starts_s, embeddings, None, None, ())
    if len(embeddings) < LEAST_WINDOWS:
        return Voices(starts_s, embeddings, None, _direction(embeddings), ())
    clear = _clear(starts_s, clearness_db)
    allowance = 0.0 if clear is not None else UNCLEAR_ALLOWANCE
    clear = np.ones(len(embeddings), np.bool_) if clear is None else clear
    halves = split(embeddings[clear])
    consistency = similarity(embeddings[clear][halves], embeddings[clear][~halves]) + allowance
    if consistency >= ONE_VOICE_CONSISTENCY:
        return Voices(starts_s, embeddings, min(consistency, 1.0), _direction(embeddings[clear]), ())
    is_main = _main(embeddings, np.ones(len(embeddings), np.bool_), clear, halves)
    for _ in range(MOST_VOICES - 2):
        of_main = clear & is_main
        if of_main.sum() < 2 * LEAST_CLEAR:
            break
        halves = split(embeddings[of_main])
        if similarity(embeddings[of_main][halves], embeddings[of_main][~halves]) >= THIRD_VOICE_CONSISTENCY:
            break
        is_main = _main(embeddings, is_main, of_main, halves)
    if allowance and _differs_by_noise(starts_s, is_main, clearness_db):
        return Voices(starts_s, embeddings, ONE_VOICE_CONSISTENCY, _direction(embeddings), ())
    heard = is_main & clear if (is_main & clear).any() else is_main
    return Voices(starts_s, embeddings, consistency, _direction(embeddings[heard]), _foreign(starts_s, is_main))


def _main(embeddings: Embeddings, among: Flags, chosen: Flags, halves: Flags) -> Flags:
    """Return which windows `among` all are more like the half of the `chosen` ones that most of them are more like."""
    one, other = _direction(embeddings[chosen][halves]), _direction(embeddings[chosen][~halves])
    nearer = embeddings @ one >= embeddings @ other
    return among & nearer if 2 * (among & nearer).sum() >= among.sum() else among & ~nearer


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


def _clear(starts_s: npt.NDArray[np.float64], clearness_db: npt.NDArray[np.floating] | None) -> Flags | None:
    """Return which windows are clear enough to be split; None where too few are, or where nothing is known of it."""
    if clearness_db is None:
        return np.ones(starts_s.size, np.bool_)
    middles = (starts_s + WINDOW_S / 2).astype(np.int64)
    around = [np.clip(middles + by, 0, clearness_db.size - 1) for by in (-1, 0, 1)]
    every_second: Flags = np.stack([clearness_db[each] for each in around]).min(axis=0) >= CLEAR_DB
    if every_second.sum() >= LEAST_CLEAR:
        return every_second
    middle: Flags = clearness_db[around[1]] >= CLEAR_DB
    return middle if middle.sum() >= LEAST_CLEAR else None


def _differs_by_noise(
    starts_s: npt.NDArray[np.float64], is_main: Flags, clearness_db: npt.NDArray[np.floating] | None
) -> bool:
    """Return whether one of two groups of windows is noisier: what tells them apart need not be the voice then."""
    if clearness_db is None or is_main.all():
        return False
    seconds = np.clip((starts_s + WINDOW_S / 2).astype(np.int64), 0, clearness_db.size - 1)
    one_db, other_db = (np.median(clearness_db[seconds[group]]) for group in (is_main, ~is_main))
    return bool(abs(one_db - other_db) > NOISE_APART_DB)


def _foreign(starts_s: npt.NDArray[np.float64], is_main: Flags) -> tuple[Span, ...]:
    """Return the stretches around other windows than the main voice's, up to where that is heard, joined."""
    spans: list[Span] = []
    mains_s = starts_s[is_main]
    for start_s in starts_s[~is_main].tolist():
        at = int(np.searchsorted(mains_s, start_s))
        before_s = float(mains_s[at - 1]) + WINDOW_S if at else 0.0
        after_s = float(mains_s[at]) if at < mains_s.size else np.inf
        # Windows overlap: at least the middle of this one is the other voice.
        begin_s = min(max(start_s - REACH_S, before_s, 0.0), start_s + WINDOW_S / 4)
        end_s = max(min(start_s + WINDOW_S + REACH_S, after_s), start_s + 3 * WINDOW_S / 4)
        if spans and begin_s <= spans[-1].end_s:
            spans[-1] = Span(spans[-1].start_s, max(spans[-1].end_s, end_s))
        else:
            spans.append(Span(begin_s, end_s))
    return tuple(spans)


def _direction(embeddings: Embeddings) -> Vector:
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def _evenly(count: int, most: int) -> list[int]:
    """Return indices into `count` things, at most `most`, spread evenly."""
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]
