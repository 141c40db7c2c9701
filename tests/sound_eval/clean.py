"""Goal 1: clean speech comes out untouched but for gain and trim."""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

from tests.sound_eval.crew import Crew
from tests.sound_eval.manifest import Recording, Sounds
from tests.sound_eval.pipeline import Pipeline, Treated
from tests.sound_eval.quality import Score, score
from tests.sound_eval.signals import JUDGED_HZ, Mono, at, cut, load_at
from tests.sound_eval.tables import Line, Outcome, named, share

PESQ: Final = 4.5
SIMILARITY: Final = 0.995


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of one clean recording; no score where it was refused."""

    name: str
    score: Score | None
    denoise: str


def judged(treated: Treated, reference: Mono) -> Score:
    """Score what is sent against the same stretches of a reference at 16 kHz, the gain undone."""
    sound = at(treated.sound, treated.rate_hz, JUDGED_HZ) * 10 ** (-treated.gain_db / 20)
    return score(cut(reference, JUDGED_HZ, treated.spans_s), sound)


def evaluate(crew: Crew, sounds: Sounds) -> Outcome:
    kept = crew.run("clean speech", _keep, sounds.of("clean"))
    scored = [(each.name, each.score) for each in kept if each.score]
    if not scored:
        return Outcome("1. Clean speech in auto", ("", ""), (Line(("all were refused", "")),))
    pesqs, likenesses = [s.pesq for _, s in scored], [s.similarity for _, s in scored]
    low = [
        f"{name} {s.pesq:.2f}/{s.similarity:.3f}" for name, s in scored if s.pesq < PESQ or s.similarity < SIMILARITY
    ]
    treated = [f"{each.name} ({each.denoise})" for each in kept if each.denoise not in ("none", "")]
    refused = [each.name for each in kept if each.score is None]
    lines = (
        Line(("PESQ, lowest (mean)", f"{min(pesqs):.2f} ({mean(pesqs):.2f})"), f">= {PESQ}", min(pesqs) >= PESQ),
        Line(
            ("similarity, lowest (mean)", f"{min(likenesses):.4f} ({mean(likenesses):.4f})"),
            f">= {SIMILARITY}",
            min(likenesses) >= SIMILARITY,
        ),
        Line(("both reached", share(len(scored) - len(low), len(scored)))),
        Line(("denoised", share(len(treated), len(kept))), "none", not treated),
        Line(("refused", share(len(refused), len(kept))), "none", not refused),
    )
    remarks = [f"{what}: {named(names)}" for what, names in (("low", low), ("denoised", treated)) if names]
    return Outcome("1. Clean speech in auto, against its own trimmed original", ("", "found"), lines, tuple(remarks))


def _keep(pipeline: Pipeline, _folder: Path, recording: Recording) -> Kept:
    treated = pipeline.treat(recording.path)
    if isinstance(treated, str):
        return Kept(recording.name, None, "")
    return Kept(recording.name, judged(treated, load_at(recording.path, JUDGED_HZ)), treated.denoise)
