import json
from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pyloudnorm
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.examined import talk, tracks_of
from tests.worker.audio.signals import Samples, in_noise, silence, spoken, tone, white_noise
from worker.audio.measure import rota
from worker.audio.measure.measures import Measures, measure
from worker.audio.measure.sound import Sound, SoundMeter
from worker.audio.measure.surveyor import survey
from worker.audio.measure.verdicts import CHECKS


def _sound(samples: Samples, rate_hz: int, piece: int = 10_000) -> Sound:
    meter = SoundMeter(rate_hz)
    for start in range(0, samples.shape[1], piece):
        meter.add(samples[:, start : start + piece])
    return meter.result()


def _measured(samples: Samples, rate_hz: int) -> Measures:
    return measure(survey(samples[0], rate_hz), _sound(samples, rate_hz))


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_a_tone_has_the_levels_it_was_made_with(rate_hz: int) -> None:
    sound = tone(5.0, rate_hz, hz=997.0, amplitude=0.5)
    found = _measured(sound, rate_hz)
    expected_lufs = pyloudnorm.Meter(rate_hz).integrated_loudness(sound[0].astype(np.float64))
    assert found.loudness_lufs == pytest.approx(expected_lufs, abs=0.1)
    assert found.peak_dbfs == pytest.approx(-6.02, abs=0.05)
    assert found.true_peak_dbtp == pytest.approx(-6.02, abs=0.1)
    assert found.crest_db == pytest.approx(3.01, abs=0.2)
    assert found.duration_s == pytest.approx(5.0)
    assert found.speech_s < 0.3


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.02])
def test_speech_has_the_loudness_of_pyloudnorm(gain: float) -> None:
    sound = gain * spoken(8.0, 48_000)
    expected_lufs = pyloudnorm.Meter(48_000).integrated_loudness(sound[0].astype(np.float64))
    assert _measured(sound, 48_000).loudness_lufs == pytest.approx(expected_lufs, abs=0.1)


@pytest.mark.parametrize("snr_db", [8.0, 12.0, 18.0, 25.0])
def test_a_voice_in_noise_reads_within_3_db(snr_db: float) -> None:
    speech = spoken(10.0, 24_000)
    sound = np.concatenate((silence(1.0, 24_000), speech, silence(1.0, 24_000)), axis=1)
    assert _measured(in_noise(0.3 * sound, snr_db), 24_000).snr_db == pytest.approx(snr_db, abs=3.0)


def test_a_telephone_has_its_bandwidth_at_any_rate() -> None:
    sound = spoken(6.0, 8_000)
    raised = soxr.resample(sound[0], 8_000, 48_000)[None].astype(np.float32)
    found = _measured(raised, 48_000)
    assert found.bandwidth_hz is not None
    assert 3_000 < found.bandwidth_hz < 4_300


def test_tracks_alone_have_no_levels_and_no_defects() -> None:
    found = measure(tracks_of(talk(10.0)))
    for name in ("loudness_lufs", "true_peak_dbtp", "peak_dbfs", "flat_tops_per_10k", "pile_up", "bandwidth_hz"):
        assert getattr(found, name) is None
    assert found.missing_share is None
    assert found.voice_likeness is None
    assert found.duration_s == pytest.approx(10.0, abs=0.04)
    assert found.speech_by == "silero"


def test_the_duration_is_what_is_told_then_the_sounds_then_the_tracks() -> None:
    sound = spoken(3.011, 16_000)
    tracks = survey(sound[0], 16_000)
    assert measure(tracks, _sound(sound, 16_000), duration_s=7.0).duration_s == 7.0
    assert measure(tracks, _sound(sound, 16_000)).duration_s == sound.shape[1] / 16_000
    assert measure(tracks).duration_s == tracks.duration_s


def test_every_check_finds_its_measure_in_the_order_of_the_checks() -> None:
    values = {field.name: float(number) for number, field in enumerate(fields(Measures))}
    values |= {"speech_by": "silero", "snr_by": "pauses"}  # type: ignore[dict-item]
    findings = Measures(**values).findings()  # type: ignore[arg-type]
    assert [finding.name for finding in findings] == list(CHECKS)
    found = {finding.name: finding.value for finding in findings}
    expected = {
        "duration": "duration_s", "missing": "missing_share", "loudness": "loudness_lufs", "speech": "speech_s",
        "speech_share": "speech_share", "snr": "snr_db", "flat_tops": "flat_tops_per_10k", "hidden_clipping": "pile_up",
        "bandwidth": "bandwidth_hz", "echo": "echo_s", "one_voice": "voice_likeness",
        "cleaned_before": "flickering_share",
    }  # fmt: skip
    assert found == {name: values[measure_name] for name, measure_name in expected.items()}


def test_measures_survive_being_stored() -> None:
    found = _measured(in_noise(0.3 * spoken(5.0, 16_000), 20.0), 16_000)
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    again = Measures.from_json(stored | {"added_later": 1})
    assert again.to_json() == found.to_json()
    assert Measures.from_json(again.to_json()) == again
    del stored["snr_db"]
    with pytest.raises(KeyError):
        Measures.from_json(stored)


SOUNDS: dict[str, Callable[[int], Samples]] = {
    "silence": lambda frames: np.zeros((1, frames), np.float32),
    "constant": lambda frames: np.ones((1, frames), np.float32),
    "square": lambda frames: np.sign(np.sin(np.arange(frames) / 9 + 0.1))[None].astype(np.float32),
    "noise": lambda frames: np.clip(white_noise(1.0, frames, rms=1.0), -1, 1),
    "tiny": lambda frames: np.full((1, frames), 1e-30, np.float32),
    "click": lambda frames: np.eye(1, frames, frames // 2, dtype=np.float32),
}


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(list(SOUNDS)),
    st.integers(1, 40_000),
    st.sampled_from([8_000, 16_000, 22_050, 48_000, 192_000]),
)
def test_any_sound_has_finite_measures(kind: str, frames: int, rate_hz: int) -> None:
    found = _measured(SOUNDS[kind](frames), rate_hz)
    for name, value in found.to_json().items():
        assert value is None or isinstance(value, str) or np.isfinite(value), name
    json.dumps([finding.to_json() for finding in found.findings()], allow_nan=False)


def test_a_long_sound_whose_loudness_is_known_is_looked_at_in_places(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value_s in (("ALL_S", 3.0), ("HEARD_S", 1.0), ("ROUND_S", 4.0)):
        monkeypatch.setattr(rota, name, value_s)
    sound, rate_hz = 0.3 * spoken(11.0, 16_000), 16_000
    whole = _sound(sound, rate_hz)
    meter = SoundMeter(rate_hz, steps=whole.loudness_steps)
    for start in range(0, sound.shape[1], rate_hz):
        meter.add(sound[:, start : start + rate_hz])
    found = meter.result()
    assert whole.sampled_s is None
    assert found.sampled_s == 5.0
    for name in ("duration_s", "loudness_lufs", "true_peak_dbtp", "peak_dbfs", "rms_dbfs", "offset"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name), abs=1e-4), name
    assert measure(survey(sound[0], rate_hz), found).sampled_s == 5.0


def test_a_report_of_before_there_were_places_can_be_read() -> None:
    stored = measure(tracks_of(talk(9.0))).to_json()
    del stored["heard_s"], stored["sampled_s"]
    assert Measures.from_json(stored).sampled_s is None
    with pytest.raises(KeyError):
        Measures.from_json({name: value for name, value in stored.items() if name != "echo_s"})
