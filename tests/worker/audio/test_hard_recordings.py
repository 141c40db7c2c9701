"""Recordings that decode well and are hard to judge: what is wrong with them is said, and what is good is kept."""

import io

import numpy as np
import pytest
import soundfile
import soxr

from shared.errors import AudioError
from tests.worker.audio.signals import Samples, clean_speech, in_noise, music, silence, tone, white_noise
from tests.worker.audio.studio import Studio, joined, sent
from worker.audio.choose.planning import Target
from worker.audio.measure.inspection import Inspection
from worker.audio.measure.verdicts import Verdict


def _warned(found: Inspection) -> set[str]:
    return {each.name for each in found.findings if each.verdict is not Verdict.OK}


def _words(rate_hz: int = 48_000) -> Samples:
    """About 10 s with pauses that are quiet and not empty."""
    speech, own_hz = clean_speech()
    voice = soxr.resample(speech[0], own_hz, rate_hz)[None].astype(np.float32)
    gap = silence(0.6, rate_hz)
    sound = joined(gap, voice, gap, voice, gap)
    return in_noise(sound, 50.0)


def test_clean_speech_is_not_warned_of_its_level_noise_clipping_or_echo(studio: Studio) -> None:
    found = studio.examine(_words(), 48_000).inspection
    assert not _warned(found) & {
        "duration", "missing", "loudness", "speech", "speech_share", "snr", "flat_tops", "hidden_clipping", "bandwidth",
        "echo", "cleaned_before",
    }  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.1])
def test_clipping_is_found_at_any_level(studio: Studio, scale: float) -> None:
    clipped = scale * np.clip(2.5 * _words(), -0.95, 0.95)
    found = studio.examine(clipped, 48_000)
    assert "flat_tops" in _warned(found.inspection)
    assert found.flat_tops_per_s.sum() > 0


def test_clipping_that_an_mp3_hides_is_found(studio: Studio) -> None:
    clipped = np.clip(4 * _words(), -0.5, 0.5)
    hidden = io.BytesIO()
    soundfile.write(hidden, clipped.T, 48_000, format="MP3")
    (studio.folder / "voice.mp3").write_bytes(hidden.getvalue())
    assert _warned(studio.inspect(studio.folder / "voice.mp3").inspection) & {"hidden_clipping", "flat_tops"}


def test_a_telephone_call_is_known_at_48_khz(studio: Studio) -> None:
    call = soxr.resample(soxr.resample(_words()[0], 48_000, 8_000), 8_000, 48_000)[None].astype(np.float32)
    found = studio.examine(call, 48_000).inspection
    assert "bandwidth" in _warned(found)
    assert found.measures.bandwidth_hz == pytest.approx(3_900, abs=400)


def test_noise_gated_speech_is_told_from_noisy_speech_and_kept(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    nothing = silence(0.8, rate_hz)
    noisy = in_noise(speech, 25.0)
    gated = joined(nothing, noisy, nothing, noisy, nothing)
    found = studio.examine(gated, rate_hz).inspection
    assert found.measures.gated_share is not None
    assert found.measures.gated_share > 0.8
    assert found.verdict is not Verdict.REFUSE


def test_digital_silence_inside_speech_is_no_noise_and_no_end(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    sound = joined(speech, silence(0.5, rate_hz), speech)
    made = studio.make(sound, rate_hz)
    assert made.recipe.parts[0].denoise == "none"
    assert made.duration_s == pytest.approx(sound.shape[1] / rate_hz, abs=0.4)


def test_a_long_pause_is_shortened_and_no_word_with_it(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    made = studio.make(joined(speech, silence(4.0, rate_hz), speech), rate_hz)
    first, second = (cut.span for cut in made.recipe.cuts)
    assert first.end_s < second.start_s
    assert made.duration_s == pytest.approx(2 * speech.shape[1] / rate_hz + 0.5, abs=0.5)
    words_s = np.flatnonzero(np.abs(speech[0]) > 0.01)[[0, -1]] / rate_hz
    assert first.end_s > words_s[1]
    assert second.start_s < speech.shape[1] / rate_hz + 4.0 + words_s[0]


@pytest.mark.parametrize("other", ["noise", "music"])
@pytest.mark.parametrize("target", [Target(), Target(best_s=10.0, max_files=1), Target(best_s=90.0, max_files=1)])
def test_of_a_recording_that_is_partly_useless_only_good_stretches_are_sent(
    studio: Studio, other: str, target: Target
) -> None:
    speech, rate_hz = clean_speech()
    clean = joined(*[joined(speech, silence(0.4, rate_hz))] * 3)
    loud = white_noise(30.0, rate_hz, rms=0.2) if other == "noise" else 2 * music(30.0, rate_hz)
    sound = joined(clean, np.clip(loud, -0.99, 0.99), clean)
    begins_s = clean.shape[1] / rate_hz
    (made,) = studio.prepare(studio.source(sound, rate_hz), target=target)
    for cut in made.recipe.cuts:
        assert cut.span.end_s < begins_s + 0.2 or cut.span.start_s > begins_s + 30.0 - 0.4
    assert made.duration_s > 7.0


def test_an_offset_does_not_hide_a_voice(studio: Studio) -> None:
    made = studio.make(0.25 * _words() + np.float32(0.7), 48_000)
    plain = studio.make(0.25 * _words(), 48_000)
    assert made.duration_s == pytest.approx(plain.duration_s, abs=0.05)
    assert made.recipe.gain_db == pytest.approx(plain.recipe.gain_db, abs=0.2)
    assert abs(sent(made).mean()) < 1e-3


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_hum_alone_is_refused_and_under_a_voice_it_is_not(studio: Studio, hz: float) -> None:
    with pytest.raises(AudioError):
        studio.examine(tone(5.0, 48_000, hz=hz, amplitude=0.3), 48_000)
    words = 0.5 * _words()
    found = studio.examine(words + tone(words.shape[1] / 48_000, 48_000, hz=hz, amplitude=0.05), 48_000).inspection
    assert found.verdict is not Verdict.REFUSE


def test_an_echoing_room_is_warned_of(studio: Studio) -> None:
    rate_hz = 48_000
    random = np.random.default_rng(9)
    times_s = np.arange(round(0.9 * rate_hz)) / rate_hz
    tail = random.standard_normal(times_s.size) * 10 ** (-3 * times_s / 0.9)
    tail[0] = 0.3 * np.sqrt(np.square(tail).sum())
    words = _words()
    echoing = np.fft.irfft(np.fft.rfft(words[0], 2 * words.shape[1]) * np.fft.rfft(tail, 2 * words.shape[1]))[
        : words.shape[1]
    ]
    found = studio.examine((0.3 * echoing / np.abs(echoing).max())[None].astype(np.float32), rate_hz).inspection
    assert found.measures.echo_s is not None
    assert "echo" in _warned(found)
