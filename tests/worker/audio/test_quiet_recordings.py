"""A recording that is too quiet, or of which a half is lost where its channels are mixed, is the same recording."""

import numpy as np
import pytest

from shared.errors import AudioTooQuiet
from tests.worker.audio.signals import Samples, clean_speech, float_wav_bytes, in_noise, spoken, white_noise
from tests.worker.audio.studio import Studio, joined, nobody
from worker.audio.inspector import listen
from worker.audio.measure.inspection import Examination


def test_sides_that_cancel_for_half_of_a_recording_do_not_lose_half_of_the_voice(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    whole = joined(speech, speech)
    alone = studio.examine(whole, rate_hz).inspection
    found = studio.examine(np.concatenate((whole, joined(speech, -speech))), rate_hz).inspection
    assert found.mix.channel == 0
    assert any("cancel each other out" in warning for warning in found.warnings)
    assert found.measures.speech_s == alone.measures.speech_s


@pytest.mark.parametrize("gain", [0.1, 0.02, 0.01])
def test_how_loud_a_recording_is_says_nothing_of_its_noise(studio: Studio, gain: float) -> None:
    speech = 0.3 * spoken(12.0, 16_000)
    for sound in (speech + white_noise(12.0, 16_000, rms=3e-5), in_noise(speech, 15.0)):
        usual, quiet = (_listened(studio, factor * sound).inspection.measures for factor in (1.0, gain))
        assert quiet.snr_db == pytest.approx(usual.snr_db, abs=1.0)
        assert quiet.speech_s == pytest.approx(usual.speech_s, abs=0.3)
        assert quiet.echo_s == pytest.approx(usual.echo_s, abs=0.02)


@pytest.mark.parametrize("lufs", [-62.0, -80.0, -110.0])
def test_a_voice_that_is_far_too_quiet_is_not_called_silence(studio: Studio, lufs: float) -> None:
    speech, rate_hz = clean_speech()
    with pytest.raises(AudioTooQuiet, match=r"voice\.wav is far too quiet: it has a loudness of (less than -70|-62\.)"):
        studio.examine(speech * np.float32(10 ** ((lufs + 18.5) / 20)), rate_hz)


def _listened(studio: Studio, sound: Samples, rate_hz: int = 16_000) -> Examination:
    path = studio.folder / "voice.wav"
    path.write_bytes(float_wav_bytes(sound, rate_hz))
    return listen(studio.decoder, path, filename="voice.wav", limits=studio.limits, progress=nobody)


def test_noise_in_a_quiet_recording_is_turned_down_as_in_any_other(studio: Studio) -> None:
    noisy = in_noise(0.3 * spoken(8.0, 24_000), 14.0)
    usual, quiet = (studio.make(np.float32(gain) * noisy, 24_000) for gain in (1.0, 0.03))
    assert usual.recipe.parts[0].denoise != "none"
    assert quiet.recipe.parts[0].denoise == usual.recipe.parts[0].denoise
    assert quiet.recipe.parts[0].cap_db == usual.recipe.parts[0].cap_db
    assert quiet.after.snr_db == pytest.approx(usual.after.snr_db, abs=1.5)
