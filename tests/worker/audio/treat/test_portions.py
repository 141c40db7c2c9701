import pytest

from tests.worker.audio.signals import clean_speech, in_noise, silence, white_noise
from tests.worker.audio.studio import Studio, joined
from worker.audio.measure.snr import estimate_snr
from worker.audio.measure.surveyor import survey
from worker.audio.tracks import Span, Tracks
from worker.audio.treat.cooking import Original, cook, sha256_of
from worker.audio.treat.portions import noisy_ones, snr_of


def _halves(noisy_db: float = 10.0) -> tuple[Tracks, list[Span]]:
    """A clean half, a pause, and a half in noise; and where both are."""
    speech, rate_hz = clean_speech()
    clean = speech + white_noise(speech.shape[1] / rate_hz, rate_hz, rms=1e-5)
    sound = joined(clean, silence(2.0, rate_hz), in_noise(speech, noisy_db))
    length_s = speech.shape[1] / rate_hz
    return survey(sound[0], rate_hz), [Span(0.0, length_s), Span(length_s + 2.0, 2 * length_s + 2.0)]


def test_noisy_stretches_are_told_from_clean_ones() -> None:
    assert noisy_ones(*_halves()) == {1}
    tracks, spans = _halves()
    assert noisy_ones(tracks, spans[::-1]) == {0}


def test_stretches_that_are_alike_stay_together() -> None:
    tracks, spans = _halves()
    assert noisy_ones(tracks, [spans[0]]) == noisy_ones(tracks, [spans[1], spans[1]]) == frozenset()
    assert noisy_ones(*_halves(noisy_db=26.0)) == frozenset()


def test_a_stretch_too_short_to_be_judged_goes_with_most_of_the_recording() -> None:
    tracks, [clean, noisy] = _halves()
    short = Span(clean.start_s, clean.start_s + 1.0)
    assert noisy_ones(tracks, [clean, noisy, clean, short]) == {1}
    assert noisy_ones(tracks, [clean, noisy, noisy, short]) == {1, 2, 3}


def test_pauses_that_were_cut_off_still_tell_the_noise() -> None:
    speech, rate_hz = clean_speech()
    gap = silence(1.0, rate_hz)
    tracks = survey(
        (joined(gap, speech, gap) + white_noise(100.0, rate_hz, rms=1e-4)[:, : speech.shape[1] + 2 * gap.shape[1]])[0],
        rate_hz,
    )
    whole_db, cut_db = estimate_snr(tracks).snr_db, snr_of(tracks, [Span(1.0, 1.0 + speech.shape[1] / rate_hz)])
    assert cut_db == pytest.approx(whole_db, abs=3.0)


def test_only_the_noisy_part_of_a_recording_is_denoised_and_the_file_can_be_made_again(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    gap = silence(2.0, rate_hz)
    source = studio.source(0.3 * joined(speech, gap, in_noise(joined(speech, speech), 14.0)), rate_hz)
    (made,) = studio.prepare(source)
    by_part = {part: [cut.span for cut in made.recipe.cuts if cut.part == part] for part in (0, 1)}
    assert made.recipe.parts[0].denoise == "none"
    assert made.recipe.parts[1].denoise != "none"
    assert all(span.end_s < speech.shape[1] / rate_hz + 1.0 for span in by_part[0])
    assert all(span.start_s > speech.shape[1] / rate_hz + 1.0 for span in by_part[1])
    assert [note.source for note in made.notes] == [source.id, source.id]
    again = cook(
        studio.decoder, made.recipe, {source.id: Original(source.filename, source.path)},
        limits=studio.limits, folder=studio.folder,
    )  # fmt: skip
    assert sha256_of(again) == made.sha256
