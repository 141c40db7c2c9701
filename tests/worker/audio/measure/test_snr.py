import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.signals import Samples, spoken, white_noise
from worker.audio.measure.snr import estimate_snr, local_snr_db
from worker.audio.measure.surveyor import survey
from worker.audio.tracks import BANDS, NOTHING_DB, Tracks, join

RATE_HZ = 16_000


def _pink(frames: int) -> Samples:
    spectrum = np.fft.rfft(white_noise(frames / RATE_HZ, RATE_HZ, seed=5)[0])
    return np.fft.irfft(spectrum / np.sqrt(np.arange(spectrum.size) + 1), frames).astype(np.float32)


def _hum(frames: int) -> Samples:
    times = np.arange(frames) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * 100 * k * times + k) / k for k in range(1, 8))
    return (np.asarray(tones) + white_noise(frames / RATE_HZ, RATE_HZ, rms=0.05)[0]).astype(np.float32)


def _white(frames: int) -> Samples:
    return white_noise(frames / RATE_HZ, RATE_HZ, seed=4)[0]


NOISES = {"white": _white, "pink": _pink, "hum": _hum}


def _voice() -> Samples:
    """A voice that pauses for 0.75 s every 3 s."""
    voice = spoken(12.0, RATE_HZ)[0]
    for second in range(2, 12, 3):
        voice[second * RATE_HZ : second * RATE_HZ + 12_000] = 0
    return voice


def _power_of_speech(voice: Samples) -> float:
    tracks = survey(voice, RATE_HZ)
    return float(np.mean(10 ** (tracks.levels_db[tracks.spoken] / 10)))


def _power_above_80_hz(noise: Samples) -> float:
    return float(np.mean(10 ** (survey(noise, RATE_HZ).levels_db / 10)))


def _mixed(snr_db: float, kind: str) -> Samples:
    voice = _voice()
    noise = NOISES[kind](voice.size)
    gain = np.sqrt(_power_of_speech(voice) / _power_above_80_hz(noise) / 10 ** (snr_db / 10))
    mixture = voice + np.float32(gain) * noise
    return (mixture / np.abs(mixture).max()).astype(np.float32)


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0, 30.0])
def test_a_voice_in_noise_reads_within_3_db_of_the_truth(kind: str, snr_db: float) -> None:
    assert estimate_snr(survey(_mixed(snr_db, kind), RATE_HZ)).snr_db == pytest.approx(snr_db, abs=3.0)


def test_a_clean_voice_reads_29_db_or_more() -> None:
    found = estimate_snr(survey(_voice(), RATE_HZ))
    assert found.snr_db is not None
    assert found.snr_db >= 29


def _without_pauses(tracks: Tracks) -> Tracks:
    kept = tracks.spoken
    return dataclasses.replace(
        tracks,
        levels_db=tracks.levels_db[kept],
        speech=tracks.speech[kept],
        listened=tracks.listened[kept],
        bands_db=tracks.bands_db[np.repeat(kept, 2)],
    )


def test_speech_without_pauses_is_judged_by_percentiles() -> None:
    found = estimate_snr(_without_pauses(survey(_mixed(15.0, "white"), RATE_HZ)))
    assert found.method == "percentile"
    assert found.snr_db == pytest.approx(15.0, abs=5.0)


def test_noise_that_comes_and_goes_counts_by_what_comes() -> None:
    mixture = _voice()
    noise = _white(mixture.size)
    # A tenth of a second of every three: the quieter part of the pauses says nothing of it.
    there = np.arange(mixture.size) // (RATE_HZ // 10) % 3 == 2
    gain = np.sqrt(_power_of_speech(mixture) / (_power_above_80_hz(noise) / 3) / 10)
    found = estimate_snr(survey((mixture + np.float32(gain) * noise * there).astype(np.float32), RATE_HZ)).snr_db
    assert found == pytest.approx(10.0, abs=3.0)


def test_one_cough_is_no_noise() -> None:
    sound = _voice()
    quiet = estimate_snr(survey(sound, RATE_HZ)).snr_db
    sound[2 * RATE_HZ + 5_000 : 2 * RATE_HZ + 8_000] += white_noise(3_000 / RATE_HZ, RATE_HZ, rms=0.2)[0]
    assert quiet is not None
    assert estimate_snr(survey(sound, RATE_HZ)).snr_db == pytest.approx(quiet, abs=8.0)


def test_pauses_are_named_where_they_were_used() -> None:
    assert estimate_snr(survey(_mixed(15.0, "white"), RATE_HZ)).method == "pauses"


def test_noise_without_speech_has_no_ratio() -> None:
    found = estimate_snr(survey(white_noise(3.0, RATE_HZ)[0], RATE_HZ))
    assert (found.snr_db, found.method) == (None, None)


def test_digital_silence_has_no_ratio() -> None:
    found = estimate_snr(survey(np.zeros(3 * RATE_HZ, np.float32), RATE_HZ))
    assert (found.snr_db, found.method, found.quantile_db) == (None, None, None)


def test_the_volume_does_not_matter() -> None:
    loud = _mixed(12.0, "pink")
    assert estimate_snr(survey(loud / 8, RATE_HZ)).snr_db == pytest.approx(
        estimate_snr(survey(loud, RATE_HZ)).snr_db, abs=1.0
    )


def _model_tracks(levels_db: list[float], speech: list[float]) -> Tracks:
    levels = np.array(levels_db, np.float32)
    bands = np.repeat(np.repeat(levels, 2)[:, None], BANDS, axis=1).astype(np.float16)
    return Tracks(levels, np.array(speech, np.float32), np.ones(levels.size, bool), bands, "silero")


def test_tails_beside_speech_do_not_count_as_noise() -> None:
    period_db, period = [-20.0] * 20 + [-30.0] * 2 + [-60.0] * 16 + [-30.0] * 2, [1.0] * 20 + [0.0] * 20
    found = estimate_snr(_model_tracks(period_db * 5, period * 5))
    assert found.snr_db == pytest.approx(40.0, abs=0.5)


def test_pauses_of_digital_silence_are_no_noise() -> None:
    period_db, period = [-20.0] * 20 + [NOTHING_DB] * 20 + [-50.0] * 20, [1.0] * 20 + [0.0] * 40
    found = estimate_snr(_model_tracks(period_db * 5, period * 5))
    assert found.snr_db == pytest.approx(30.0, abs=0.5)


def test_every_second_has_a_local_ratio_that_follows_the_noise() -> None:
    quiet, noisy = survey(_mixed(30.0, "white"), RATE_HZ), survey(_mixed(5.0, "white"), RATE_HZ)
    local = local_snr_db(join([quiet, noisy]))
    assert local.size == 24
    assert local[2:9].mean() > local[15:22].mean() + 15


def test_local_ratios_of_hours_are_those_of_their_minutes() -> None:
    minute = survey(spoken(60.0, RATE_HZ)[0], RATE_HZ)
    local = local_snr_db(join([minute] * 5))
    assert local[10:50] == pytest.approx(local_snr_db(minute)[10:50], abs=0.5)


def test_a_recording_shorter_than_a_window_has_no_local_ratio() -> None:
    assert local_snr_db(survey(np.zeros(100, np.float32), RATE_HZ)).size == 0


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.tuples(st.floats(-100, 20), st.floats(0, 1)), max_size=200),
)
def test_any_tracks_give_finite_figures(values: list[tuple[float, float]]) -> None:
    tracks = _model_tracks([level for level, _ in values], [likely for _, likely in values])
    found = estimate_snr(tracks)
    for figure in (found.snr_db, found.quantile_db):
        assert figure is None or -10 <= figure <= 60
    assert np.isfinite(local_snr_db(tracks)).all()
