from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.errors import (
    AudioClipped,
    AudioError,
    AudioTooNoisy,
    AudioTooQuiet,
    AudioTooShort,
    AudioUnreadable,
    NoSpeech,
)
from tests.worker.audio.examined import examined, talk
from tests.worker.audio.signals import (
    Samples,
    clean_speech,
    in_noise,
    motor,
    music,
    silence,
    spoken,
    tone,
    wav_bytes,
    white_noise,
)
from tests.worker.audio.studio import Studio, joined
from worker.audio.measure.inspection import Examination
from worker.audio.measure.verdicts import CHECKS, Finding, Verdict
from worker.audio.refusal import refusal_of, with_findings


def _measured(*warnings: str, **measures: Any) -> Examination:
    """A good recording, but for some measures of the whole that are set by hand."""
    good = examined(talk(12.0))
    inspection = good.inspection
    named = {"loudness_lufs": -20.0, "duration_s": inspection.duration_s} | measures
    changed = replace(
        inspection,
        measures=replace(inspection.measures, **named),
        duration_s=named["duration_s"],
        warnings=warnings,
    )
    return with_findings(replace(good, inspection=changed))


def _finding(found: Examination, name: str) -> Finding:
    (finding,) = [each for each in found.inspection.findings if each.name == name]
    return finding


def _error(found: Examination) -> AudioError:
    refusal = refusal_of(found, "voice.wav")
    assert refusal is not None
    return refusal


def test_a_good_recording_passes_with_a_finding_on_every_measure() -> None:
    found = _measured()
    assert refusal_of(found, "voice.wav") is None
    assert [each.name for each in found.inspection.findings] == list(CHECKS)
    assert found.inspection.verdict is Verdict.OK


REFUSED: list[tuple[dict[str, float | None], type[AudioError], str, dict[str, float | None]]] = [
    (
        {"duration_s": 0.3},
        AudioTooShort,
        "voice.wav has 0.30 s of sound; at least 1 s is needed. Record more",
        {"found_s": 0.3, "limit_s": 1.0},
    ),
    (
        {"loudness_lufs": None},
        AudioTooQuiet,
        "voice.wav is far too quiet: it has a loudness of less than -70 LUFS; at least -60 LUFS is needed",
        {"found_lufs": None, "limit_lufs": -60.0},
    ),
    (
        {"loudness_lufs": None, "speech_s": 0.0},
        NoSpeech,
        "voice.wav is silent: it has no measurable loudness; at least -60 LUFS is needed. Check",
        {"found_lufs": None, "limit_lufs": -60.0},
    ),
    (
        {"loudness_lufs": -62.25},
        AudioTooQuiet,
        "voice.wav is far too quiet: it has a loudness of -62.2 LUFS; at least -60 LUFS is needed, and -30 to -16 is",
        {"found_lufs": -62.25, "limit_lufs": -60.0},
    ),
    (
        {"speech_s": 0.1},
        NoSpeech,
        "voice.wav holds no speech that could be heard: 0.10 s sound like a voice; at least 0.3 s is needed. Upload",
        {"found_s": 0.1, "limit_s": 0.3},
    ),
    (
        {"flat_tops_per_10k": 5_000.0},
        AudioClipped,
        "voice.wav is clipped throughout: 5000 of 10,000 samples are cut off; at most "
        f"{CHECKS['flat_tops'].refuse:g} can be used. Clipped",
        {"found_per_10k": 5_000.0, "limit_per_10k": CHECKS["flat_tops"].refuse},
    ),
]


@pytest.mark.parametrize(("measures", "error", "words", "details"), REFUSED)
def test_a_refusal_names_file_finding_limit_and_remedy(
    measures: dict[str, float | None], error: type[AudioError], words: str, details: dict[str, float | None]
) -> None:
    raised = _error(_measured(**measures))
    assert type(raised) is error
    assert raised.message.startswith(words)
    assert raised.message.rstrip().endswith(".")
    assert raised.details == {"filename": "voice.wav"} | details


def _useless(**measures: float) -> Examination:
    """A recording without any stretch that could make up for these measures."""
    found = _measured(**measures)
    return replace(found, inspection=replace(found.inspection, findings=found.inspection.measures.findings()))


def test_noise_names_its_ratio_and_the_limit() -> None:
    raised = _error(_useless(snr_db=1.25))
    limit_db = CHECKS["snr"].refuse
    assert type(raised) is AudioTooNoisy
    assert raised.message.startswith(
        "voice.wav is too noisy: the voice stands 1.2 dB above the noise; "
        f"at least {limit_db:g} dB is needed. Noisy: record"
    )
    assert raised.details == {"filename": "voice.wav", "found_db": 1.25, "limit_db": limit_db}


def test_other_sounds_name_the_share_of_speech_and_the_limit() -> None:
    raised = _error(_useless(speech_share=0.12))
    limit = CHECKS["speech_share"].refuse
    assert limit is not None
    assert type(raised) is NoSpeech
    assert raised.message.startswith("voice.wav is mostly something else than speech: ")
    assert f"12% is speech; at least {limit:.0%} is needed. Record the speaker" in raised.message
    assert raised.details == {"filename": "voice.wav", "found_share": 0.12, "limit_share": limit}


@pytest.mark.parametrize(
    ("warning", "words"),
    [
        ("truncated: it ends early", "it breaks off after 0.40 s"),
        ("damaged: 9 pieces are missing", "it is damaged, and only 0.40 s of it can be read"),
    ],
)
def test_what_is_hardly_there_is_no_short_recording_but_a_broken_one(warning: str, words: str) -> None:
    raised = _error(_measured(warning, duration_s=0.4))
    assert type(raised) is AudioUnreadable
    assert raised.message.startswith(f"voice.wav cannot be decoded: {words}. ")


def test_what_is_too_short_to_have_a_loudness_is_too_short_and_not_silent() -> None:
    assert type(_error(_measured(duration_s=0.2, loudness_lufs=None))) is AudioTooShort


@pytest.mark.parametrize("measures", [{"snr_db": -3.0}, {"speech_share": 0.1}, {"snr_db": 0.0, "speech_share": 0.2}])
def test_a_good_stretch_makes_up_for_the_rest(measures: dict[str, float]) -> None:
    found = _measured(**measures)
    assert refusal_of(found, "voice.wav") is None
    for key in measures:
        finding = _finding(found, "snr" if key == "snr_db" else key)
        assert finding.verdict is Verdict.WARN
        assert finding.value == pytest.approx(measures[key])
        assert finding.advice is not None
        assert finding.advice.startswith("Parts of the recording are no use; only good stretches of it are sent. ")


def test_a_good_stretch_makes_up_for_nothing_else() -> None:
    assert type(_error(_measured(snr_db=-3.0, flat_tops_per_10k=5_000.0))) is AudioClipped


def test_a_stretch_of_less_than_3_s_makes_up_for_nothing() -> None:
    short = examined([(1.0, False), (1.5, True), (0.2, False)])
    measures = replace(short.inspection.measures, loudness_lufs=-20.0, snr_db=1.0)
    bad = replace(short, inspection=replace(short.inspection, measures=measures))
    assert type(_error(with_findings(bad))) is AudioTooNoisy


Make = Callable[[int], Samples]

OTHERS: dict[str, Make] = {
    "noise": lambda rate_hz: white_noise(30.0, rate_hz, rms=0.2),
    "music": lambda rate_hz: 2 * music(30.0, rate_hz),
    "motor": lambda rate_hz: 2 * motor(30.0, rate_hz),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("comes_first", [True, False])
def test_twelve_clean_seconds_save_a_recording_of_loud_other_sounds(
    studio: Studio, other: str, comes_first: bool
) -> None:
    speech, rate_hz = clean_speech()
    clean = joined(*[joined(speech, silence(0.4, rate_hz))] * 3)[:, : 12 * rate_hz]
    loud = np.clip(OTHERS[other](rate_hz), -0.99, 0.99)
    found = studio.examine(joined(clean, loud) if comes_first else joined(loud, clean), rate_hz)
    assert found.inspection.verdict is Verdict.WARN
    softened = [each for each in found.inspection.findings if (each.advice or "").startswith("Parts of the recording")]
    assert {each.name for each in softened} <= {"snr", "speech_share"}
    assert softened


@pytest.mark.parametrize("other", OTHERS)
def test_a_word_among_loud_other_sounds_saves_nothing(studio: Studio, other: str) -> None:
    speech, rate_hz = clean_speech()
    loud = np.clip(OTHERS[other](rate_hz), -0.99, 0.99)
    with pytest.raises((AudioTooNoisy, NoSpeech)):
        studio.examine(joined(loud, speech[:, :rate_hz], loud), rate_hz)


def _clipped(rate_hz: int) -> Samples:
    return np.clip(60 * spoken(6.0, rate_hz), -0.9, 0.9)


FILES: list[tuple[Make, type[AudioError], str]] = [
    (lambda rate_hz: tone(0.3, rate_hz), AudioTooShort, "has 0.30 s of sound"),
    (lambda rate_hz: silence(2.0, rate_hz), NoSpeech, "is silent: it has no measurable loudness"),
    (lambda rate_hz: white_noise(2.0, rate_hz, rms=1e-4), NoSpeech, "is silent: it has"),
    (lambda rate_hz: 0.007 * spoken(10.0, rate_hz), AudioTooQuiet, r"is far too quiet: it has a loudness of -6\d\.\d"),
    (lambda rate_hz: white_noise(5.0, rate_hz), NoSpeech, "holds no speech"),
    (lambda rate_hz: in_noise(0.2 * spoken(10.0, rate_hz), 0.0), AudioTooNoisy, "is too noisy"),
    (_clipped, AudioClipped, "is clipped throughout"),
]


@pytest.mark.parametrize(("make", "error", "words"), FILES)
def test_a_recording_is_refused_by_its_error(studio: Studio, make: Make, error: type[AudioError], words: str) -> None:
    with pytest.raises(error, match=rf"^voice\.wav {words}") as caught:
        studio.examine(make(16_000).astype(np.float32), 16_000)
    assert type(caught.value) is error
    assert caught.value.details["filename"] == "voice.wav"


def test_a_file_of_which_only_a_moment_is_left_is_unreadable(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    (studio.folder / "voice.wav").write_bytes(wav_bytes(speech, rate_hz)[:20_000])
    with pytest.raises(AudioUnreadable, match=r"voice\.wav cannot be decoded: it breaks off after 0\.\d\d s"):
        studio.inspect(studio.folder / "voice.wav")
