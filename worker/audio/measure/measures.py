"""The figures that a report shows of a recording, or of what was made of it: one set, before and after."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from worker.audio.measure.cleaned import find_cleaning
from worker.audio.measure.reverberation import reverberation_s
from worker.audio.measure.snr import estimate_snr
from worker.audio.measure.sound import Sound
from worker.audio.measure.speaking import speaking
from worker.audio.measure.verdicts import CHECKS, Finding
from worker.audio.tracks import WINDOW_S, Tracks

ENOUGH_S: Final = 2.0  # in less, one vowel decides what the noise and the highest frequency seem to be
_LATER: Final = ("heard_s", "sampled_s")  # not in reports of before 2026-11-25


@dataclass(frozen=True, slots=True)
class Measures:
    """All numbers are finite; None is what could not be measured.

    Attributes:
        speech_by: What judged the speech: `silero`, or `energy` where its library does not exist.
        snr_by: `pauses` where there were enough of them, else `percentile`.
        missing_share: Of the duration that the file's header claims, what could not be decoded.
        voice_likeness: Cosine of the most different halves of the speech; low for two voices.
        gated_share, flickering_share: Pauses that hold nothing at all, and pauses that flicker between the holes of a
            denoiser; the first also comes of cutting by hand, so only the second is warned of.
        heard_s: Of how many seconds a model heard whether they are speech; None where it heard all, or there is none.
        sampled_s: Of how many seconds clipping and bandwidth were taken; None where of all.
    """

    duration_s: float
    missing_share: float | None
    speech_s: float
    speech_share: float
    speech_by: str
    snr_db: float | None
    snr_by: str | None
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    peak_dbfs: float | None
    flat_tops_per_10k: float | None
    pile_up: float | None
    crest_db: float | None
    bandwidth_hz: float | None
    echo_s: float | None
    voice_likeness: float | None
    gated_share: float | None
    flickering_share: float | None
    heard_s: float | None = None
    sampled_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Measures":
        """Read back what `to_json` returned; unknown keys are left out. Raises: KeyError."""
        known = {name: stored[name] for name in cls.__slots__ if name not in _LATER}
        return replace(cls(**known), heard_s=stored.get("heard_s"), sampled_s=stored.get("sampled_s"))

    def findings(self) -> tuple[Finding, ...]:
        """Return the verdict on every measure, in the order in which they are declared."""
        values = {
            "duration": self.duration_s,
            "missing": self.missing_share,
            "loudness": self.loudness_lufs,
            "speech": self.speech_s,
            "speech_share": self.speech_share,
            "snr": self.snr_db,
            "flat_tops": self.flat_tops_per_10k,
            "hidden_clipping": self.pile_up,
            "bandwidth": self.bandwidth_hz,
            "echo": self.echo_s,
            "one_voice": self.voice_likeness,
            "cleaned_before": self.flickering_share,
        }
        return tuple(check.judge(values[name]) for name, check in CHECKS.items())


def measure(
    tracks: Tracks,
    sound: Sound | None = None,
    *,
    duration_s: float | None = None,
    missing_share: float | None = None,
    voice_likeness: float | None = None,
) -> Measures:
    """Return the measures of a signal; without its `sound` those of the tracks alone."""
    said, snr, cleaned = speaking(tracks), estimate_snr(tracks), find_cleaning(tracks)
    is_enough = tracks.duration_s >= ENOUGH_S
    heard_s = float(tracks.listened.sum()) * WINDOW_S
    found = Measures(
        duration_s=tracks.duration_s,
        missing_share=missing_share,
        speech_s=said.duration_s,
        speech_share=said.share,
        speech_by=tracks.by,
        snr_db=snr.snr_db if is_enough else None,
        snr_by=snr.method if is_enough else None,
        loudness_lufs=None,
        true_peak_dbtp=None,
        peak_dbfs=None,
        flat_tops_per_10k=None,
        pile_up=None,
        crest_db=None,
        bandwidth_hz=None,
        echo_s=reverberation_s(tracks),
        voice_likeness=voice_likeness,
        gated_share=cleaned.gated_share if cleaned else None,
        flickering_share=cleaned.flickering_share if cleaned else None,
        heard_s=None if tracks.listened.all() or tracks.by == "energy" else heard_s,
    )
    if sound is not None:
        found = with_sound(found, sound)
    return found if duration_s is None else replace(found, duration_s=duration_s)


def with_sound(of_tracks: Measures, sound: Sound) -> Measures:
    """Return measures of tracks alone with what was measured of their sound at its own rate."""
    return replace(
        of_tracks,
        duration_s=sound.duration_s,
        loudness_lufs=sound.loudness_lufs,
        true_peak_dbtp=sound.true_peak_dbtp,
        peak_dbfs=sound.peak_dbfs,
        flat_tops_per_10k=sound.clipping.flat_tops_per_10k,
        pile_up=sound.clipping.pile_up,
        crest_db=sound.clipping.crest_db,
        bandwidth_hz=sound.bandwidth_hz if of_tracks.duration_s >= ENOUGH_S else None,
        sampled_s=sound.sampled_s,
    )
