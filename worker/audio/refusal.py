"""Refuse a recording from which no voice can be cloned, in words that say what was found and what to do.

A recording is refused as a whole only: where ten seconds of it are good, those are used and the rest is a warning.
"""

from dataclasses import replace
from typing import Final

from shared.errors import AudioClipped, AudioError, AudioTooNoisy, AudioTooQuiet, AudioTooShort, NoSpeech
from worker.audio.choose.segments import pick
from worker.audio.files.stream import unreadable
from worker.audio.measure.inspection import Examination
from worker.audio.measure.measures import measure
from worker.audio.measure.verdicts import CHECKS, Finding, Verdict

USABLE_S: Final = (5.0, 10.0, 15.0)  # least, best, most: the stretch that may save a recording
SAVED_FROM: Final = {"snr": 15.0, "speech_share": 0.7}  # what the stretch must reach to make up for the whole
USUAL_LUFS: Final = "-30 to -16"  # of speech that is recorded with care
_PARTLY: Final = "Parts of the recording are no use; only good stretches of it are sent. "


def with_findings(found: Examination) -> Examination:
    """Return the examination with the verdict on every measure."""
    findings = found.inspection.measures.findings()
    if any(each.verdict is Verdict.REFUSE and each.name in SAVED_FROM for each in findings):
        stretch = _stretch_findings(found)
        findings = tuple(_softened(each, stretch) for each in findings)
    return replace(found, inspection=replace(found.inspection, findings=findings))


def refusal_of(found: Examination, filename: str) -> AudioError | None:
    """Return why no voice can be cloned from a recording, or None where one can.

    It is an AudioTooShort, AudioTooQuiet, NoSpeech, AudioTooNoisy, AudioClipped, or, of a file that breaks off,
    AudioUnreadable.
    """
    if found.inspection.measures.loudness_lufs is None and found.inspection.duration_s >= _limit("duration"):
        is_spoken = found.inspection.measures.speech_s >= _limit("speech")
        return _too_quiet(filename, None) if is_spoken else _silent(filename)
    refusing = (each for each in found.inspection.findings if each.verdict is Verdict.REFUSE)
    return next((_refusal(finding, found, filename) for finding in refusing), None)


def _stretch_findings(found: Examination) -> dict[str, Finding]:
    least_s, best_s, most_s = USABLE_S
    segment = pick(
        found.tracks,
        least_s=least_s,
        best_s=best_s,
        most_s=most_s,
        flat_tops_per_s=found.flat_tops_per_s,
    )
    if segment is None:
        return {}
    return {each.name: each for each in measure(found.tracks.part(segment.span)).findings()}


def _softened(finding: Finding, stretch: dict[str, Finding]) -> Finding:
    """Return a refusal as a warning where the best stretch is good enough."""
    if finding.verdict is not Verdict.REFUSE or finding.name not in SAVED_FROM or finding.name not in stretch:
        return finding
    value = stretch[finding.name].value
    if value is None or value < SAVED_FROM[finding.name]:
        return finding
    return replace(finding, verdict=Verdict.WARN, advice=_PARTLY + CHECKS[finding.name].advice)


def _refusal(finding: Finding, found: Examination, filename: str) -> AudioError:
    value, inspection = finding.value or 0.0, found.inspection
    if finding.name == "duration":
        kinds = {warning.partition(":")[0] for warning in inspection.warnings}
        if "damaged" in kinds:
            return unreadable(filename, f"it is damaged, and only {inspection.duration_s:.2f} s of it can be read")
        if "truncated" in kinds:
            return unreadable(filename, f"it breaks off after {inspection.duration_s:.2f} s")
        return AudioTooShort(
            f"{filename} has {inspection.duration_s:.2f} s of sound; at least {_limit('duration'):g} s is needed. "
            f"{finding.advice}",
            filename=filename,
            found_s=inspection.duration_s,
            limit_s=_limit("duration"),
        )
    if finding.name == "loudness":
        return _too_quiet(filename, value)
    if finding.name == "speech":
        return NoSpeech(
            f"{filename} holds no speech that could be heard: {value:.2f} s sound like a voice; at least "
            f"{_limit('speech'):g} s is needed. {finding.advice}",
            filename=filename,
            found_s=value,
            limit_s=_limit("speech"),
        )
    if finding.name == "speech_share":
        return NoSpeech(
            f"{filename} is mostly something else than speech: of what is about as loud as the voice or louder, "
            f"{value:.0%} is speech; at least {_limit('speech_share'):.0%} is needed. {finding.advice}",
            filename=filename,
            found_share=value,
            limit_share=_limit("speech_share"),
        )
    if finding.name == "snr":
        return AudioTooNoisy(
            f"{filename} is too noisy: the voice stands {value:.1f} dB above the noise; at least "
            f"{_limit('snr'):g} dB is needed. {finding.advice}",
            filename=filename,
            found_db=value,
            limit_db=_limit("snr"),
        )
    return AudioClipped(
        f"{filename} is clipped throughout: {value:.0f} of 10,000 samples are cut off; at most "
        f"{_limit('flat_tops'):g} can be used. {finding.advice}",
        filename=filename,
        found_per_10k=value,
        limit_per_10k=_limit("flat_tops"),
    )


def _silent(filename: str) -> NoSpeech:
    return NoSpeech(
        f"{filename} is silent: it has no measurable loudness; at least {_limit('loudness'):g} LUFS is needed. "
        "Check that the right microphone was recorded and that it was not muted.",
        filename=filename,
        found_lufs=None,
        limit_lufs=_limit("loudness"),
    )


def _too_quiet(filename: str, loudness_lufs: float | None) -> AudioTooQuiet:
    found = "less than -70" if loudness_lufs is None else f"{loudness_lufs:.1f}"  # BS.1770 measures nothing under that
    return AudioTooQuiet(
        f"{filename} is far too quiet: it has a loudness of {found} LUFS; at least {_limit('loudness'):g} LUFS is "
        f"needed, and {USUAL_LUFS} is usual. Raise the recording level, move closer to the microphone, and check that "
        "the right one was recorded.",
        filename=filename,
        found_lufs=loudness_lufs,
        limit_lufs=_limit("loudness"),
    )


def _limit(name: str) -> float:
    limit = CHECKS[name].refuse
    assert limit is not None
    return limit
