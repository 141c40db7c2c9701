"""Goal 3: of a minute in which one stretch is good, that stretch is chosen.

Each composite is 60 s long: 12 to 14 s of one clean voice, and in random but seeded order what else a recording may
hold: the same voice in noise and clipped, noise alone, silence, music, another voice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.sound_eval.crew import Crew
from tests.sound_eval.manifest import Recording, Sounds
from tests.sound_eval.pipeline import TEN_SECONDS, Pipeline
from tests.sound_eval.signals import JUDGED_HZ, Mono, clipped, levels_db, load_at, looped, mixture, pink, save
from tests.sound_eval.tables import Line, Outcome, mean, named, share
from tests.sound_eval.voice import similarity

ORDERS: Final = 3  # of the parts, a voice each
RATE_HZ: Final = JUDGED_HZ
CLEAN_S: Final = (11.5, 14.0)
LEVEL: Final = 0.06  # RMS of every part that sounds
INSIDE: Final = 0.95
RATE_GOAL: Final = 0.96
LOUD_DB: Final = 20.0  # under the level of speech: what is louder on both sides of a boundary is a word
BESIDE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Composite:
    """What one is made of."""

    voice: Recording
    other: Recording
    music: Recording
    dishes: Recording
    noise: Recording
    seed: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was taken of a composite: the share inside the clean stretch, boundaries inside a word, likeness."""

    name: str
    inside: float = 0.0
    cut_words: int = 0
    likeness: float = 0.0
    duration_s: float = 0.0
    refusal: str | None = None


def evaluate(crew: Crew, sounds: Sounds, voices: int) -> Outcome:
    title = "3. One stretch of 60 s composites, for an engine that wants about 10 s"
    composites = _composites(sounds, voices)
    if not composites:
        return Outcome(title, ("", ""), (Line(("two clean voices of 12 s, music and noise are needed", "")),))
    found = crew.run("composites", _choose, composites)
    taken = [each for each in found if each.refusal is None]
    hits = sum(each.inside >= INSIDE for each in found)
    cut = sum(each.cut_words for each in taken)
    lengths = [each.duration_s for each in taken] or [0.0]
    lines = (
        Line(
            (f"fully inside (>= {INSIDE:.0%})", share(hits, len(found))),
            f">= {RATE_GOAL:.0%}",
            hits >= RATE_GOAL * len(found),
        ),
        Line(("share inside, mean", f"{mean(each.inside for each in found):.3f}")),
        Line(("boundaries inside a word", share(cut, 2 * len(taken))), "none", not cut),
        Line(("likeness to the voice, mean (lowest)", _likeness(taken))),
        Line(("seconds, least to most", f"{min(lengths):.1f}-{max(lengths):.1f}")),
        Line(("refused", share(len(found) - len(taken), len(found)))),
    )
    missed = [f"{each.name} {each.inside:.2f}{each.refusal or ''}" for each in found if each.inside < INSIDE]
    words = [each.name for each in taken if each.cut_words]
    remarks = [f"{what}: {named(names)}" for what, names in (("missed", missed), ("cut words", words)) if names]
    return Outcome(title, ("", "found"), lines, tuple(remarks))


def _likeness(taken: list[Chosen]) -> str:
    return f"{mean(e.likeness for e in taken):.3f} ({min((e.likeness for e in taken), default=0.0):.3f})"


def _composites(sounds: Sounds, voices: int) -> list[Composite]:
    long = [each for each in sounds.of("clean") if load_at(each.path, RATE_HZ).size >= CLEAN_S[0] * RATE_HZ]
    music, noises = sounds.of("music"), sounds.of("noise")
    speakers = {each.speaker: each for each in long}
    if len(speakers) < 2 or not music or not noises:
        return []
    dishes = next((each for each in noises if "dish" in each.name), noises[0])
    bike = next((each for each in noises if "bike" in each.name), noises[-1])
    each_of = list(speakers.values())
    kept = each_of[:: max(1, len(each_of) // voices)][:voices]
    return [
        Composite(voice, each_of[(each_of.index(voice) + 1 + order) % len(each_of)],
                  music[(number + order) % len(music)], dishes, bike, seed=100 * number + order)
        for number, voice in enumerate(kept)
        for order in range(ORDERS)
    ]  # fmt: skip


def _choose(pipeline: Pipeline, folder: Path, task: Composite) -> Chosen:
    sound, begins_s, ends_s, clean = _composed(task)
    path, name = folder / "composite.wav", f"{task.voice.path.stem}#{task.seed}"
    save(path, sound, RATE_HZ)
    treated = pipeline.treat(path, TEN_SECONDS)
    if isinstance(treated, str):
        return Chosen(name, refusal=f" {treated}")
    spans_s = treated.spans_s
    total_s = sum(end - start for start, end in spans_s)
    inside_s = sum(max(0.0, min(end, ends_s) - max(start, begins_s)) for start, end in spans_s)
    taken = np.concatenate([sound[round(a * RATE_HZ) : round(b * RATE_HZ)] for a, b in spans_s])
    edges_s = [edge for span in spans_s for edge in span if 0 < edge < sound.size / RATE_HZ]
    cut_words = sum(_is_in_a_word(sound, edge_s, speech_db=_speech_db(clean)) for edge_s in edges_s)
    return Chosen(name, inside_s / total_s, cut_words, similarity(clean, taken), total_s)


def _composed(task: Composite) -> tuple[Mono, float, float, Mono]:
    """Return the composite, where its clean stretch begins and ends, and that stretch."""
    chance = np.random.default_rng(task.seed)
    voice = _leveled(load_at(task.voice.path, RATE_HZ))
    clean = voice[: _quiet_place(voice)]

    def speech(duration_s: float) -> Mono:
        return looped(voice, round(duration_s * RATE_HZ), start=int(chance.integers(voice.size)))

    def excerpt(recording: Recording, duration_s: float) -> Mono:
        sound = load_at(recording.path, RATE_HZ)
        return _leveled(looped(sound, round(duration_s * RATE_HZ), start=int(chance.integers(sound.size))))

    parts = [
        clean,
        mixture(speech(8), pink(8 * RATE_HZ, task.seed), 5.0)[0],
        _leveled(clipped(speech(7), 0.02)) * 1.5,
        mixture(speech(7), load_at(task.dishes.path, RATE_HZ), 3.0)[0],
        excerpt(task.noise, 5),
        np.zeros(4 * RATE_HZ),
        excerpt(task.music, 7),
        _leveled(load_at(task.other.path, RATE_HZ))[: 8 * RATE_HZ],
    ]
    order = chance.permutation(len(parts))
    starts = np.cumsum([0, *(parts[index].size for index in order)])
    begin = int(starts[list(order).index(0)])
    whole = np.clip(np.concatenate([parts[index] for index in order]), -1, 1)
    whole += 1e-4 * chance.standard_normal(whole.size)  # a recorder's own noise
    return whole, begin / RATE_HZ, (begin + clean.size) / RATE_HZ, clean


def _leveled(samples: Mono) -> Mono:
    return samples * (LEVEL / (float(np.sqrt(np.square(samples).mean())) + 1e-9))


def _quiet_place(voice: Mono) -> int:
    """Return where to end the clean stretch: the quietest tenth of a second from 11.5 to 14 s."""
    least, most = (round(limit_s * RATE_HZ) for limit_s in CLEAN_S)
    if voice.size <= most:
        return voice.size
    powers = levels_db(voice[least:most], RATE_HZ, 0.1)
    return least + round((int(np.argmin(powers)) + 0.5) * 0.1 * RATE_HZ)


def _speech_db(clean: Mono) -> float:
    return float(np.percentile(levels_db(clean, RATE_HZ), 95))


def _is_in_a_word(sound: Mono, edge_s: float, *, speech_db: float) -> bool:
    """Tell whether there is sound as loud as speech on both sides of a place."""
    edge, beside = round(edge_s * RATE_HZ), round(BESIDE_S * RATE_HZ)
    sides = sound[max(0, edge - beside) : edge], sound[edge : edge + beside]
    return all(side.size and 10 * np.log10(np.square(side).mean() + 1e-12) > speech_db - LOUD_DB for side in sides)
