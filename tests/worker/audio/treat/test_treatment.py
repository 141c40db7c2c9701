from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence
from tests.worker.audio.studio import joined, nobody
from worker.audio.measure.snr import estimate_snr
from worker.audio.measure.surveyor import survey
from worker.audio.scratch import Scratch
from worker.audio.tracks import WINDOW_S, Span, Tracks, join
from worker.audio.treat import rnnoise, treatment
from worker.audio.treat.capture import Capture
from worker.audio.treat.composition import margin_frames
from worker.audio.treat.policy import Denoising, Method
from worker.audio.treat.treatment import Treated, denoiser, treat

METHODS: list[Method] = ["gate", "mask"]
NEEDS_MASK = pytest.mark.skipif(not rnnoise.is_available(), reason="no RNNoise for this machine")
HELPERS = [pytest.param("gate"), pytest.param("mask", marks=NEEDS_MASK)]


@dataclass
class Ward:
    """A place to treat a sound in."""

    folder: Path
    held: ExitStack

    def treat(
        self, sound: Samples, rate_hz: int, spans: list[Span], denoising: Denoising, *, first: int = 0
    ) -> tuple[Treated, Scratch]:
        """Treat stretches of a sound of which only what comes from `first` on was captured."""
        plain = self.held.enter_context(Scratch(self.folder / "plain", rate_hz))
        plain.append(sound[:, first:])
        scratch = self.held.enter_context(Scratch(self.folder / "treated", rate_hz))
        tracks = survey(sound[0], rate_hz)
        before = join(tracks.part(span) for span in spans)
        return treat(Capture(plain, first), spans, before, denoising, scratch, nobody), plain


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with ExitStack() as held:
        yield Ward(tmp_path, held)


@pytest.fixture(scope="module")
def noisy() -> tuple[Samples, int]:
    """About 12 s: words with pauses, in white noise."""
    speech, rate_hz = clean_speech()
    gap = silence(1.0, rate_hz)
    return in_noise(0.3 * joined(gap, speech, gap, speech, gap), 14.0), rate_hz


def _read(treated: Treated, number: int) -> Samples:
    start, end = treated.places[number]
    return joined(*treated.signal.blocks(start, end))


def test_what_needs_no_treatment_is_read_where_it_is(ward: Ward, noisy: tuple[Samples, int]) -> None:
    sound, rate_hz = noisy
    spans = [Span(4.0, 6.0), Span(1.0, 2.5)]
    treated, plain = ward.treat(sound, rate_hz, spans, Denoising("none", 0.0), first=rate_hz // 2)
    assert treated.signal is plain
    assert (treated.method, treated.cap_db, treated.tried, treated.judgement) == ("none", 0.0, None, None)
    for number, span in enumerate(spans):
        first, past = round(span.start_s * rate_hz), round(span.end_s * rate_hz)
        assert np.array_equal(_read(treated, number), sound[:, first:past])


@pytest.mark.parametrize("method", HELPERS)
def test_a_treatment_that_helps_is_used(ward: Ward, noisy: tuple[Samples, int], method: Method) -> None:
    sound, rate_hz = noisy
    whole = Span(0.0, sound.shape[1] / rate_hz)
    treated, plain = ward.treat(sound, rate_hz, [whole], Denoising(method, 12.0))
    assert treated.judgement is not None
    assert treated.judgement.helped, treated.judgement.reason
    assert (treated.method, treated.cap_db, treated.tried) == (method, 12.0, Denoising(method, 12.0))
    assert treated.signal is not plain
    margin = margin_frames(rate_hz)
    assert treated.places == ((margin, margin + sound.shape[1]),)
    before, after = estimate_snr(survey(sound[0], rate_hz)).snr_db, estimate_snr(treated.tracks).snr_db
    assert before is not None
    assert after is not None
    assert after > before + 3
    assert treated.judgement.reason.startswith("Noise was removed")
    assert treated.judgement.voice_kept is not None


@pytest.mark.parametrize("method", HELPERS)
def test_the_moments_after_are_those_of_what_is_read(ward: Ward, noisy: tuple[Samples, int], method: Method) -> None:
    sound, rate_hz = noisy
    treated, _plain = ward.treat(sound, rate_hz, [Span(0.5, 6.0), Span(7.0, 10.0)], Denoising(method, 12.0))
    again = survey(joined(_read(treated, 0), _read(treated, 1))[0], rate_hz)
    assert abs(again.windows - treated.tracks.windows) <= 1
    windows = min(again.windows, treated.tracks.windows)
    assert np.allclose(again.levels_db[:windows], treated.tracks.levels_db[:windows], atol=0.01)


def test_a_treatment_that_does_not_help_leaves_the_original_bit_for_bit(ward: Ward, noisy: tuple[Samples, int]) -> None:
    sound, rate_hz = noisy
    spans = [Span(4.0, 8.0), Span(0.5, 3.0)]
    treated, plain = ward.treat(sound, rate_hz, spans, Denoising("gate", 1.0))
    assert treated.signal is plain
    assert (treated.method, treated.cap_db, treated.tried) == ("none", 0.0, Denoising("gate", 1.0))
    assert treated.judgement is not None
    assert not treated.judgement.helped
    assert treated.judgement.reason.endswith("so it is sent as it was recorded.")
    for number, span in enumerate(spans):
        first, past = round(span.start_s * rate_hz), round(span.end_s * rate_hz)
        assert np.array_equal(_read(treated, number), sound[:, first:past])
    assert treated.tracks.levels_db.size == pytest.approx(6.5 / WINDOW_S, abs=2)


@pytest.mark.parametrize("method", HELPERS)
def test_nothing_sounding_leaves_the_original(ward: Ward, method: Method) -> None:
    treated, plain = ward.treat(silence(3.0, 16_000), 16_000, [Span(0.0, 3.0)], Denoising(method, 12.0))
    assert treated.signal is plain
    assert treated.judgement is not None
    assert "could not be measured" in treated.judgement.reason


@pytest.mark.parametrize("method", HELPERS)
def test_treated_stretches_lie_where_their_originals_lay(
    ward: Ward, noisy: tuple[Samples, int], method: Method
) -> None:
    sound, rate_hz = noisy
    spans = [Span(6.6, 9.0), Span(1.0, 3.0)]
    treated, _plain = ward.treat(sound, rate_hz, spans, Denoising(method, 12.0), first=rate_hz // 4)
    assert treated.method == method
    for number, span in enumerate(spans):
        first, past = round(span.start_s * rate_hz), round(span.end_s * rate_hz)
        ours, theirs = _read(treated, number)[0], sound[0, first:past]
        assert ours.size == theirs.size
        shifts = range(-40, 41, 10)
        likeness = [float(np.dot(np.roll(ours, shift), theirs)) for shift in shifts]
        assert list(shifts)[int(np.argmax(likeness))] == 0


def test_an_unknown_method_is_no_silent_copy(tmp_path: Path) -> None:
    with Scratch(tmp_path / "plain", 16_000) as plain, pytest.raises(ValueError, match="no denoiser 'none'"):
        denoiser("none", 0.0, plain)


def test_voices_are_compared_where_most_speech_is_spread_over_the_whole() -> None:
    windows = 500
    speech = np.zeros(windows, np.float32)
    speech[60:140] = 0.9
    speech[300:420] = 0.9
    starts = treatment._spoken_starts(_spoken(speech))
    assert starts
    length = treatment.VOICE_FRAMES // 512
    for start in starts:
        assert speech[start // 512 : start // 512 + length].mean() >= 0.5
    assert any(start // 512 < 140 for start in starts)
    assert any(start // 512 >= 280 for start in starts)


@pytest.mark.parametrize("windows", [0, 10, 49])
def test_less_than_a_voiceprint_of_sound_is_not_compared(windows: int) -> None:
    assert treatment._spoken_starts(_spoken(np.ones(windows, np.float32))) == []


def test_no_speech_is_not_compared() -> None:
    assert treatment._spoken_starts(_spoken(np.full(400, 0.1, np.float32))) == []


def test_places_are_found_across_joints_and_not_over_them() -> None:
    places, moved = [(1_000, 1_500), (100, 400)], [(0, 500), (500, 800)]
    assert treatment._located(0, 100, places, moved) == (1_000, 0)
    assert treatment._located(400, 100, places, moved) == (1_400, 400)
    assert treatment._located(450, 100, places, moved) is None
    assert treatment._located(500, 100, places, moved) == (100, 500)
    assert treatment._located(690, 100, places, moved) == (290, 690)
    assert treatment._located(750, 100, places, moved) is None


def test_stretches_too_short_for_a_voiceprint_do_not_speak_against_a_treatment(
    ward: Ward, noisy: tuple[Samples, int]
) -> None:
    sound, rate_hz = noisy
    spans = [Span(start, start + 1.2) for start in (1.0, 2.4, 3.8, 6.5, 8.0)]
    treated, _plain = ward.treat(sound, rate_hz, spans, Denoising("gate", 12.0))
    assert treated.judgement is not None
    assert treated.judgement.voice_kept is None


def _spoken(speech: Samples) -> Tracks:
    bands = np.zeros((2 * speech.size, 32), np.float16)
    return Tracks(np.full(speech.size, -30, np.float32), speech, np.ones(speech.size, bool), bands, "silero")
