import json
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import SourceMissing
from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence, spoken
from tests.worker.audio.studio import Studio, joined
from worker.audio.choose.planning import Cut, Target
from worker.audio.measure import rota
from worker.audio.tracks import Span
from worker.audio.treat import rnnoise
from worker.audio.treat.cooking import Original, cook, sha256_of, spans_of, stretches
from worker.audio.treat.prepared import Prepared, Source, Wish
from worker.audio.treat.recipe import Recipe


def _cooked(studio: Studio, made: Prepared, *sources: Source) -> Path:
    """Make a file again from nothing but its stored recipe and the recordings."""
    recipe = Recipe.from_json(json.loads(json.dumps(made.recipe.to_json(), allow_nan=False)))
    originals = {source.id: Original(source.filename, source.path) for source in sources}
    kitchen = studio.folder / "kitchen"
    kitchen.mkdir(exist_ok=True)
    return cook(studio.decoder, recipe, originals, limits=studio.limits, folder=kitchen)


def _noisy() -> tuple[Samples, int]:
    speech, rate_hz = clean_speech()
    gap = silence(1.2, rate_hz)
    return in_noise(0.3 * joined(gap, speech, gap, speech, gap), 14.0), rate_hz


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_an_untouched_file_is_made_again_bit_for_bit(studio: Studio, container: str) -> None:
    speech, rate_hz = clean_speech()
    source = studio.source(joined(silence(1.0, rate_hz), speech, silence(2.0, rate_hz), speech), rate_hz)
    (made,) = studio.prepare(source, target=Target(container))  # type: ignore[arg-type]
    assert len(made.recipe.cuts) > 1
    assert sha256_of(_cooked(studio, made, source)) == made.sha256


def test_a_long_file_has_its_loudness_from_the_recordings_and_is_made_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech, rate_hz = clean_speech()
    gap = silence(2.0, rate_hz)
    source = studio.source(joined(0.2 * speech, gap, speech, gap, 0.5 * speech, gap), rate_hz)
    (whole,) = studio.prepare(source, target=Target("flac"))
    for name, value_s in (("ALL_S", 3.0), ("HEARD_S", 1.0), ("ROUND_S", 4.0)):
        monkeypatch.setattr(rota, name, value_s)
    (made,) = studio.prepare(source, target=Target("flac"))
    assert whole.after.sampled_s is None
    assert made.after.sampled_s is not None
    assert made.recipe.cuts == whole.recipe.cuts
    assert len(made.recipe.cuts) > 1
    assert made.after.loudness_lufs == pytest.approx(whole.after.loudness_lufs, abs=0.1)
    assert made.after.true_peak_dbtp == pytest.approx(whole.after.true_peak_dbtp, abs=0.1)
    assert sha256_of(_cooked(studio, made, source)) == made.sha256


def test_a_denoised_file_is_made_again_bit_for_bit(studio: Studio) -> None:
    source = studio.source(*_noisy())
    (made,) = studio.prepare(source)
    assert made.recipe.parts[0].denoise != "none"
    assert sha256_of(_cooked(studio, made, source)) == made.sha256


def test_a_file_made_without_rnnoise_is_made_again_bit_for_bit(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnnoise, "is_available", lambda: False)
    source = studio.source(*_noisy())
    (made,) = studio.prepare(source)
    assert made.recipe.parts[0].denoise == "gate"
    assert sha256_of(_cooked(studio, made, source)) == made.sha256


def test_a_file_of_several_recordings_is_made_again_bit_for_bit(studio: Studio) -> None:
    noisy, rate_hz = _noisy()
    sources = [
        studio.source(noisy, rate_hz, "noisy"),
        studio.source(0.2 * spoken(7.0, 48_000) + 0.1, 48_000, "high"),
        studio.source(joined(spoken(4.0, rate_hz), silence(2.0, rate_hz), spoken(4.0, rate_hz)), rate_hz, "torn"),
    ]
    (made,) = studio.prepare(*sources, target=Target("flac", max_files=1))
    assert {cut.part for cut in made.recipe.cuts} == {0, 1, 2}
    assert {part.denoise for part in made.recipe.parts} > {"none"}
    assert sha256_of(_cooked(studio, made, *reversed(sources))) == made.sha256


def test_the_best_segments_are_put_together_again_in_their_order(studio: Studio) -> None:
    parts = [joined(spoken(6.0, 16_000), silence(0.5, 16_000)) for _ in range(10)]
    source = studio.source(joined(*parts), 16_000)
    (made,) = studio.prepare(source, target=Target(best_s=40.0, max_files=1), wish=Wish(denoise="on"))
    assert len(made.recipe.cuts) > 2
    assert sha256_of(_cooked(studio, made, source)) == made.sha256


def test_a_recording_that_is_not_there_is_an_error(studio: Studio) -> None:
    source = studio.source(spoken(4.0, 16_000), 16_000)
    (made,) = studio.prepare(source)
    with pytest.raises(KeyError):
        _cooked(studio, made)
    with pytest.raises(SourceMissing, match=r"voice\.wav"):
        _cooked(studio, made, replace(source, path=Path("/nowhere")))


def test_stretches_of_a_part_are_in_the_order_of_the_file() -> None:
    cuts = [Cut(1, Span(5.0, 6.0)), Cut(0, Span(0.0, 1.0)), Cut(1, Span(2.0, 3.0))]
    assert spans_of(cuts, 1) == (Span(5.0, 6.0), Span(2.0, 3.0))
    assert spans_of(cuts, 2) == ()
    assert stretches([], []) == []
