"""Signs that a recording was cleaned before it came here: by a gate that shuts, or by a denoiser that digs holes.

A room is never silent: between words its noise goes on, however low. A gate turns it off; a hard denoiser leaves some
bands of it for some hundredths of a second and takes the others, so that what is left flickers more than any noise
does. Cleaning such a recording again makes it worse. It is a hint: who cuts out pauses by hand or synthesises a voice
gets the same. It must not judge.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from worker.audio.tracks import BANDS, HOPS_PER_WINDOW, NOTHING_DB, Flags, Track, Tracks

# Windows, 0.75 s: in fewer, a breath decides. Three clean recordings with 9 to 15 windows of pause had 67 to 75 % of
# them flicker, 40 others with 24 or more at most 46 % (2026-11).
MIN_PAUSES: Final = 24
FIRST_WINDOWS: Final = 6  # a recording may fade in
EDGE_WINDOWS: Final = 2  # beside speech lie its onsets and tails
FROZEN_DB: Final = 0.35  # noise changes by 1.5 dB from hop to hop, what is below the last bit not at all
FLICKERING_DB: Final = 2.6  # steady noise is below 1.8, in a mask of zeros and ones it is 2.7 to 3.9 (2026-11)
SILENT_DB: Final = NOTHING_DB + 10.0
JUMP_DB: Final = 30.0
JUMP_WINDOWS: Final = 2
HOLD_WINDOWS: Final = 12  # a gate waits up to 0.4 s after a word
OPENING_DB: Final = 15.0
PIECE_WINDOWS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What of the pauses looks treated, shares of 0 to 1.

    Attributes:
        gated_share: Pauses where nothing is left: frozen, or fallen almost to silence by 30 dB within two windows.
        flickering_share: Pauses that flicker from hop to hop, as between the holes of a hard denoiser.
    """

    gated_share: float
    flickering_share: float


def find_cleaning(tracks: Tracks) -> Cleaned | None:
    """Look at the pauses of a recording; None where they are fewer than 0.75 s or nobody speaks."""
    spoken = tracks.spoken
    if not spoken.any():
        return None
    around = np.convolve(spoken, np.ones(2 * EDGE_WINDOWS + 1, np.int32))
    pauses = around[EDGE_WINDOWS : EDGE_WINDOWS + spoken.size] == 0
    pauses[:FIRST_WINDOWS] = False
    if pauses.sum() < MIN_PAUSES:
        return None
    changes_db = _changes_db(tracks)
    gated = (changes_db < FROZEN_DB) | (_shut(tracks.levels_db, spoken) & (tracks.levels_db <= SILENT_DB))
    return Cleaned(float(gated[pauses].mean()), float((changes_db > FLICKERING_DB)[pauses].mean()))


def _changes_db(tracks: Tracks) -> Track:
    """Return by how much the middle one of the bands changes within every window, shape (windows,)."""
    changes = [np.zeros(0, np.float32)]
    for start in range(0, tracks.windows, PIECE_WINDOWS):
        piece = tracks.bands_db[start * HOPS_PER_WINDOW : (start + PIECE_WINDOWS) * HOPS_PER_WINDOW]
        pairs = piece.astype(np.float32).reshape(-1, HOPS_PER_WINDOW, BANDS)
        steps = np.sort(np.abs(pairs[:, 1] - pairs[:, 0]), axis=1)
        changes.append(steps[:, BANDS // 2])
    return np.concatenate(changes)


def _shut(levels_db: Track, spoken: Flags) -> Flags:
    """Return the windows from a sudden fall after speech until the level rises again, shape (windows,)."""
    shut = np.zeros(levels_db.size, bool)
    if levels_db.size <= JUMP_WINDOWS:
        return shut
    falls = levels_db[:-JUMP_WINDOWS] - levels_db[JUMP_WINDOWS:]
    ends = np.flatnonzero(spoken[:-1] & ~spoken[1:])
    starts = np.flatnonzero(~spoken[:-1] & spoken[1:]) + 1
    for end in ends.tolist():
        first = max(end - JUMP_WINDOWS, 0)
        window = falls[first : end + HOLD_WINDOWS]
        if not window.size or window.max() <= JUMP_DB:
            continue
        after = first + int(window.argmax()) + JUMP_WINDOWS
        following = starts[starts > end]
        past = int(following[0]) if following.size else levels_db.size
        opened = np.flatnonzero(levels_db[after:past] > levels_db[after] + OPENING_DB)
        shut[after : after + int(opened[0]) if opened.size else past] = True
    return shut
