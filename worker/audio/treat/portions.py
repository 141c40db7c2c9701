"""Part what is taken of a recording into what is clean and what is noisy, so that only the noisy goes through a mask.

A recording in which a fan starts is two recordings to a denoiser: one plan for both would treat clean speech for the
sake of the noisy, or leave noise in for the sake of the clean. Pure.
"""

from collections.abc import Sequence
from typing import Final

from worker.audio.measure.snr import estimate_snr
from worker.audio.tracks import Span, Tracks, join
from worker.audio.treat.policy import CLEAN_DB

JUDGED_S: Final = 3.0  # shorter stretches go with most of the recording: their noise cannot be told
NOISY_DB: Final = 22.0  # between this and CLEAN_DB an estimate may be off, and one noise would be treated as two
# Where its pauses were cut off a clean stretch reads worse than it is; they lie beside it.
BESIDE_S: Final = 1.0


def snr_of(tracks: Tracks, spans: Sequence[Span]) -> float | None:
    """Return how far the voice stands above the noise in stretches of a recording, in dB; None without any speech.

    It is the clearer of the stretches alone and of them with what lies beside them: pauses that were cut off show the
    noise, and a noise that begins behind the stretch is not in it.
    """
    wider = [Span(max(span.start_s - BESIDE_S, 0.0), span.end_s + BESIDE_S) for span in spans]
    found = [estimate_snr(join(tracks.part(span) for span in each)).snr_db for each in (spans, wider)]
    return max((snr_db for snr_db in found if snr_db is not None), default=None)


def noisy_ones(tracks: Tracks, spans: Sequence[Span]) -> frozenset[int]:
    """Return which of the stretches of a recording are noisy, by their number, where others are clean; else none."""
    figures = [snr_of(tracks, [span]) if span.duration_s >= JUDGED_S else None for span in spans]
    clean = [number for number, snr_db in enumerate(figures) if snr_db is not None and snr_db >= CLEAN_DB]
    noisy = [number for number, snr_db in enumerate(figures) if snr_db is not None and snr_db < NOISY_DB]
    if not clean or not noisy:
        return frozenset()
    clean_s, noisy_s = (sum(spans[number].duration_s for number in each) for each in (clean, noisy))
    if noisy_s <= clean_s:
        return frozenset(noisy)
    return frozenset(number for number in range(len(spans)) if number not in clean)
