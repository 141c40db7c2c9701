"""Goal 2: noisy speech comes out better than it was, and none comes out worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.sound_eval.clean import judged
from tests.sound_eval.crew import Crew
from tests.sound_eval.manifest import Recording, Sounds
from tests.sound_eval.pipeline import Pipeline
from tests.sound_eval.quality import Score, score
from tests.sound_eval.signals import JUDGED_HZ, at, cut, load, load_at, mixture, save
from tests.sound_eval.tables import Line, Outcome, mean, named, share

GOALS: Final = {20.0: (2.5, 0.96), 15.0: (2.1, 0.94), 10.0: (1.7, 0.89)}  # SNR in dB: mean PESQ, similarity
COLUMNS: Final = ("", "mixtures", "PESQ", "STOI", "similarity", "undenoised", "worse", "denoised", "refused")


@dataclass(frozen=True, slots=True)
class Mixture:
    """Speech and the noise that it is put into."""

    speech: Recording
    noise: Recording
    snr_db: float


@dataclass(frozen=True, slots=True)
class Mixed:
    """What became of one mixture; no scores where it was refused. `plain` is the same stretch, left as it was."""

    mixture: Mixture
    plain: Score | None = None
    sent: Score | None = None
    denoise: str = ""

    @property
    def is_worse(self) -> bool:
        return self.sent is not None and self.plain is not None and self.sent.is_worse_than(self.plain)


def evaluate(crew: Crew, sounds: Sounds, pairs: int | None) -> Outcome:
    """Score every clean recording in every noise, or as many `pairs` as are asked for, all noises in turn."""
    listed = _pairs(sounds, pairs)
    tasks = [Mixture(speech, noise, snr_db) for snr_db in GOALS for speech, noise in listed]
    found = crew.run("mixtures", _mix, tasks)
    lines = [
        _line(f"{snr_db:g} dB", [m for m in found if m.mixture.snr_db == snr_db], goal)
        for snr_db, goal in GOALS.items()
    ]
    for noise in dict.fromkeys(noise for _, noise in listed):
        lines.append(_line(noise.name, [m for m in found if m.mixture.noise == noise], None))
    worse = [
        f"{m.mixture.speech.path.stem} in {m.mixture.noise.path.stem} at {m.mixture.snr_db:g} dB "
        f"({m.plain.pesq:.2f}/{m.plain.similarity:.3f} -> {m.sent.pesq:.2f}/{m.sent.similarity:.3f})"
        for m in found
        if m.is_worse and m.plain and m.sent
    ]
    remarks = (f"worse: {named(worse)}",) if worse else ()
    return Outcome("2. Mixtures, against the clean speech (SNR by mean powers)", COLUMNS, tuple(lines), remarks)


def _pairs(sounds: Sounds, count: int | None) -> list[tuple[Recording, Recording]]:
    speech, noises = sounds.of("clean"), sounds.of("noise", "babble")
    every = [(one, noise) for one in speech for noise in noises]
    if count is None or count >= len(every):
        return every
    # In steps that go round both lists at their own pace, so that a few pairs already know many of both.
    return [(speech[number * len(speech) // count], noises[number % len(noises)]) for number in range(count)]


def _line(name: str, found: Sequence[Mixed], goal: tuple[float, float] | None) -> Line:
    scored = [(each.plain, each.sent) for each in found if each.plain and each.sent]
    pesq, likeness = mean(s.pesq for _, s in scored), mean(s.similarity for _, s in scored)
    worse = sum(each.is_worse for each in found)
    cells = (
        name,
        str(len(found)),
        f"{pesq:.2f}",
        f"{mean(s.stoi for _, s in scored):.3f}",
        f"{likeness:.3f}",
        f"{mean(p.pesq for p, _ in scored):.2f} / {mean(p.stoi for p, _ in scored):.3f} / "
        f"{mean(p.similarity for p, _ in scored):.3f}",
        str(worse),
        share(sum(each.denoise != "none" for each in found if each.sent), len(scored)),
        str(len(found) - len(scored)),
    )
    if goal is None:
        return Line(cells)
    is_met = pesq >= goal[0] and likeness >= goal[1] and not worse
    return Line(cells, f"PESQ {goal[0]}, similarity {goal[1]}, none worse", is_met)


def _mix(pipeline: Pipeline, folder: Path, task: Mixture) -> Mixed:
    clean, rate_hz = load(task.speech.path)
    noisy, clean = mixture(clean, load_at(task.noise.path, rate_hz), task.snr_db)
    path = folder / "mixture.wav"
    save(path, noisy, rate_hz)
    treated = pipeline.treat(path)
    if isinstance(treated, str):
        return Mixed(task)
    clean, noisy = at(clean, rate_hz, JUDGED_HZ), at(noisy, rate_hz, JUDGED_HZ)
    plain = score(cut(clean, JUDGED_HZ, treated.spans_s), cut(noisy, JUDGED_HZ, treated.spans_s))
    sent = plain if treated.denoise == "none" else judged(treated, clean)
    return Mixed(task, plain, sent, treated.denoise)
