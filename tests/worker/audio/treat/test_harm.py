from dataclasses import replace

import numpy as np
import pytest

from worker.audio.tracks import BANDS, NOTHING_DB, WINDOW_S, Span, Tracks
from worker.audio.treat.harm import judge


def _tracks(
    *, noise_db: float, speech_db: float = -20.0, spoken: int = 60, pauses: int = 40, heard: int | None = None
) -> Tracks:
    """Speech and then a pause, in windows of 32 ms, of which the first `heard` are taken for speech."""
    windows = np.arange(spoken + pauses)
    speech = (windows < (spoken if heard is None else heard)).astype(np.float32)
    levels_db = np.where(windows < spoken, speech_db, noise_db).astype(np.float32)
    bands_db = np.repeat(levels_db, 2)[:, None].repeat(BANDS, axis=1).astype(np.float16)
    return Tracks(levels_db, speech, np.ones(speech.size, bool), bands_db, "silero")


_BEFORE = _tracks(noise_db=-32.0)  # an SNR of about 12 dB


def test_less_noise_behind_the_same_voice_is_kept() -> None:
    found = judge(_BEFORE, _tracks(noise_db=-44.0), 0.97)
    assert found.helped
    assert found.snr_gain_db == pytest.approx(12.0, abs=0.01)
    assert found.speech_share_change == 0.0
    assert found.voice_kept == 0.97
    assert found.reason == "Noise was removed: in the quiet moments it is 12 dB lower than before."


def test_too_little_gain_is_not_worth_it() -> None:
    found = judge(_BEFORE, _tracks(noise_db=-34.0), 1.0)
    assert not found.helped
    assert "by 2.0 dB only" in found.reason
    assert found.reason.endswith("so it is sent as it was recorded.")


def test_more_noise_than_before_is_said_plainly() -> None:
    found = judge(_BEFORE, _tracks(noise_db=-30.0), 1.0)
    assert not found.helped
    assert "not at all" in found.reason


def test_a_voice_that_goes_down_with_the_noise_is_not_accepted() -> None:
    found = judge(_BEFORE, _tracks(noise_db=-50.0, speech_db=-30.0), 0.9)
    assert not found.helped
    assert "took the voice down with it, by 10 dB" in found.reason


def test_the_gain_is_what_the_noise_lost_and_the_voice_did_not() -> None:
    found = judge(_BEFORE, _tracks(noise_db=-44.0, speech_db=-23.0), 0.9)
    assert found.snr_gain_db == pytest.approx(9.0, abs=0.01)


def test_lost_words_are_not_accepted() -> None:
    found = judge(_BEFORE, _tracks(noise_db=-50.0, spoken=60, heard=44), 0.97)
    assert not found.helped
    assert found.speech_share_change == pytest.approx(-0.16)
    assert "took words with it (16% less speech" in found.reason


def test_more_speech_than_before_is_no_harm() -> None:
    assert judge(_BEFORE, _tracks(noise_db=-50.0, heard=70), 0.97).helped


@pytest.mark.parametrize(("noise_db", "least"), [(-50.0, 0.80), (-32.0, 0.61), (-21.0, 0.50)])
def test_the_voice_has_to_be_the_same_the_more_so_the_cleaner_it_was(noise_db: float, least: float) -> None:
    before, after = _tracks(noise_db=noise_db), _tracks(noise_db=noise_db - 12.0)
    assert judge(before, after, least + 0.05).helped
    found = judge(before, after, least - 0.05)
    assert not found.helped
    assert "changed the voice" in found.reason


def test_a_voice_that_could_not_be_compared_does_not_count_against_it() -> None:
    assert judge(_BEFORE, _tracks(noise_db=-50.0), None).helped


def test_a_window_more_or_less_does_not_matter() -> None:
    after = _tracks(noise_db=-44.0, pauses=39)
    assert judge(_BEFORE, after, 0.9).helped
    assert judge(after, _BEFORE, 0.9).snr_gain_db == pytest.approx(-12.0, abs=0.01)


@pytest.mark.parametrize("windows", [0, 5])
def test_too_short_to_judge_is_left_alone(windows: int) -> None:
    short = _BEFORE.part(Span(0.0, windows * WINDOW_S))
    found = judge(short, short, None)
    assert not found.helped
    assert found.snr_gain_db is None
    assert "could not be measured" in found.reason


def test_digital_silence_is_left_alone() -> None:
    silent = replace(_BEFORE, levels_db=np.full_like(_BEFORE.levels_db, NOTHING_DB))
    assert not judge(silent, silent, None).helped
