"""The verdict on recordings for an engine: what would be sent, and every reason against it in a sentence."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from shared.errors import NoSpeech
from shared.vendors.engines import Limits, Range
from worker.appraisal import Appraisal, Heard, appraise
from worker.audio.choose.planning import Cut
from worker.audio.measure.downmix import Mix
from worker.audio.measure.inspection import Inspection
from worker.audio.measure.measures import Measures
from worker.audio.tracks import Span
from worker.audio.treat.prepared import Prepared
from worker.audio.treat.recipe import Part, Recipe

ENGINE = "acme/one"
ANY = Limits(
    files=Range(), file_bytes=Range(), file_s=Range(), total_s=Range(), best_s=None, containers=("wav",), rate_hz=None,
    name_chars=Range(), own_denoise=None, source="here", checked=date(2026, 11, 20),
)  # fmt: skip
MIX = Mix(None, 0.0)
CLEAN = Measures(
    **{
        **dict.fromkeys(Measures.__slots__),
        "duration_s": 12.0,
        "speech_s": 10.0,
        "speech_share": 1.0,
        "speech_by": "silero",
        "snr_db": 40.0,
    }
)


def heard(number: int = 1, filename: str = "anna.wav", measures: Measures = CLEAN, *warnings: str) -> Heard:
    found = Inspection("wav", "pcm_s16le", 48_000, 1, 12.0, 12.0, MIX, measures, measures.findings(), warnings)
    return Heard(f"file-{number}", filename, found)


def refused(number: int = 1) -> Heard:
    return Heard(f"file-{number}", "noise.wav", error=NoSpeech("noise.wav holds no speech.", filename="noise.wav"))


def made(*cuts: tuple[int, float, float]) -> Prepared:
    """Return a file made of stretches: (number of the recording, start, end)."""
    used = list(dict.fromkeys(number for number, _, _ in cuts))
    parts = tuple(Part(f"file-{number}", "0" * 64, MIX, "none", 0.0, 0.0) for number in used)
    spans = tuple(Cut(used.index(number), Span(start_s, end_s)) for number, start_s, end_s in cuts)
    duration_s = sum(cut.span.duration_s for cut in spans)
    recipe = Recipe(parts, spans, 48_000, 0.0, "wav")
    return Prepared(Path("x.wav"), "wav", 48_000, duration_s, 9, "0" * 64, recipe, CLEAN, CLEAN, ())


def test_a_good_recording_is_ok_and_it_is_said_which_seconds_would_be_sent() -> None:
    assert appraise(ENGINE, ANY, [heard()], [made((1, 1.5, 11.25))]) == Appraisal(
        "ok", ("1 file of 9.8 s would be sent to acme/one, taken from anna.wav (1.5-11.2 s).",)
    )


def test_many_pieces_are_counted() -> None:
    cuts = [(1, float(start), start + 0.5) for start in range(5)] + [(2, 3.0, 4.0)]
    found = appraise(ENGINE, ANY, [heard(), heard(2, "berta.wav")], [made(*cuts)])
    assert found.reasons[0].endswith("taken from anna.wav (2.5 s in 5 pieces) and berta.wav (3.0-4.0 s).")


def test_a_refused_recording_refuses_the_whole_and_says_to_leave_it_out() -> None:
    found = appraise(ENGINE, ANY, [heard(), refused(2)], [])
    assert found.verdict == "refuse"
    assert found.reasons == (
        "Nothing would be sent to acme/one.",
        "noise.wav holds no speech. A clone takes all of its recordings or none: leave noise.wav out.",
    )


def test_the_only_recording_cannot_be_left_out() -> None:
    assert appraise(ENGINE, ANY, [refused()], []).reasons[1:] == ("noise.wav holds no speech.",)


def test_too_few_seconds_are_refused_whichever_limit_says_so() -> None:
    for limits in (replace(ANY, total_s=Range(30.0)), replace(ANY, file_s=Range(30.0))):
        found = appraise(ENGINE, limits, [heard()], [made((1, 0.0, 10.0))])
        assert (found.verdict, found.reasons[1]) == (
            "refuse",
            "acme/one needs at least 30 s; 10.0 s are usable. Record 20.0 s more.",
        )
        assert found.reasons[0].startswith("1 file of 10.0 s is all that can be made for acme/one, taken from")


def test_less_than_the_best_is_a_warning() -> None:
    found = appraise(ENGINE, replace(ANY, best_s=120.0), [heard()], [made((1, 0.0, 10.0))])
    assert (found.verdict, "makes best use of 120 s" in found.reasons[1]) == ("warn", True)


def test_a_stretch_that_is_nearly_as_long_as_the_best_is_enough() -> None:
    assert appraise(ENGINE, replace(ANY, best_s=10.0), [heard()], [made((1, 0.0, 8.0))]).verdict == "ok"
    assert appraise(ENGINE, replace(ANY, best_s=10.0), [heard()], [made((1, 0.0, 6.0))]).verdict == "warn"


def test_a_recording_that_is_left_out_is_named() -> None:
    found = appraise(ENGINE, ANY, [heard(), heard(2, "berta.wav")], [made((1, 0.0, 10.0))])
    assert (found.verdict, found.reasons[1].partition(" is ")[0]) == ("warn", "berta.wav")


def test_what_was_measured_and_what_the_decoder_saw_are_told_with_the_file() -> None:
    noisy = heard(1, "anna.wav", replace(CLEAN, snr_db=12.0), "truncated: 3 s are missing")
    found = appraise(ENGINE, ANY, [noisy], [made((1, 0.0, 10.0))])
    assert found.verdict == "warn"
    assert found.reasons[1] == "anna.wav: truncated: 3 s are missing"
    assert found.reasons[2].startswith("anna.wav: Noisy: ")
