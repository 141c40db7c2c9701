"""Goal 4: what cannot be cloned is refused, what is poor is warned of, and clean speech is left in peace."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.sound_eval.crew import Crew
from tests.sound_eval.manifest import Recording, Sounds, spread
from tests.sound_eval.pipeline import EXPECTED, Checked, Pipeline
from tests.sound_eval.signals import (
    JUDGED_HZ,
    PEAK,
    Mono,
    clipped,
    echoing,
    load,
    load_at,
    mixture,
    save,
    telephone,
)  # fmt: skip
from tests.sound_eval.tables import Line, Outcome, named, share

SPOILED: Final = 24  # clean recordings that each way of spoiling is tried on
FALSE_WARNINGS: Final = 0.05
COLUMNS: Final = ("", "recordings", "refused", "warned as expected", "warned at all")


@dataclass(frozen=True, slots=True)
class Case:
    """One recording, what is done to it before it is judged, and with what other recording."""

    group: str
    recording: Recording
    spoiling: str = ""
    other: Recording | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Cases of which the same is expected: `refuse`, `pass`, a warning that is named in EXPECTED, or nothing."""

    name: str
    expected: str


REFUSED: Final = {kind: Group(kind, "refuse") for kind in ("silence", "music", "noise", "event")}
CLEAN: Final = Group("clean speech", "pass")
SPOILINGS: Final = {
    "telephone": Group("telephone, raised to 48 kHz", "telephone"),
    "clipping": Group("clipped, 0.1 % of samples", "clipping"),
    "clipping, halved": Group("clipped, 0.1 %, then 6 dB lower", "clipping"),
    "clipping, hard": Group("clipped, 1 % of samples", "clipping"),
    "echo": Group("room of 0.7 s, direct as loud as the rest", "echo"),
    "echo, far": Group("room of 0.7 s, direct 6 dB lower", "echo"),
    "two voices": Group("two voices in turn", "voices"),
    "0 dB": Group("speech in noise at 0 dB", "refuse"),
    "3 dB": Group("speech in noise at 3 dB", "refuse"),
}
RECORDED: Final = {"multi": Group("several voices, as listed", "voices"), "reverb": Group("echo, as listed", "echo")}


def evaluate(crew: Crew, sounds: Sounds) -> Outcome:
    cases = _cases(sounds)
    found = list(zip(cases, crew.run("verdicts", _check, cases), strict=True))
    lines, remarks = [], []
    for group in (CLEAN, *REFUSED.values(), *SPOILINGS.values(), *RECORDED.values()):
        own = [(case, checked) for case, checked in found if case.group == group.name]
        if own:
            lines.append(_line(group, [checked for _, checked in own]))
            remarks += _remarks(group, own)
    return Outcome("4. Verdicts", COLUMNS, tuple(lines), tuple(remarks))


def _cases(sounds: Sounds) -> list[Case]:
    clean, noises = sounds.of("clean"), sounds.of("noise")
    cases = [Case(CLEAN.name, each) for each in clean]
    cases += [Case(group.name, each) for kind, group in (REFUSED | RECORDED).items() for each in sounds.of(kind)]
    chosen = spread(clean, SPOILED)
    for spoiling, group in SPOILINGS.items():
        for number, each in enumerate(chosen):
            other = _other(spoiling, each, clean, noises, number)
            if other is not None or not _needs_other(spoiling):
                cases.append(Case(group.name, each, spoiling, other))
    return cases


def _needs_other(spoiling: str) -> bool:
    return spoiling == "two voices" or spoiling.endswith("dB")


def _other(
    spoiling: str, one: Recording, clean: tuple[Recording, ...], noises: tuple[Recording, ...], number: int
) -> Recording | None:
    if spoiling == "two voices":
        others = [each for each in clean if each.speaker != one.speaker]
        return others[(number * 7) % len(others)] if others else None
    return noises[number % len(noises)] if noises else None


def _line(group: Group, found: list[Checked]) -> Line:
    refused = sum(each.refusal is not None for each in found)
    warned = sum(bool(each.warnings) for each in found)
    names = EXPECTED.get(group.expected, frozenset())
    expected = sum(bool(each.warnings & names) for each in found)
    cells = (
        group.name,
        str(len(found)),
        share(refused, len(found)),
        share(expected, len(found)) if names else "-",
        share(warned, len(found)),
    )
    if group.expected == "refuse":
        return Line(cells, "all refused", refused == len(found))
    if group.expected == "pass":
        goal = f"none refused, at most {FALSE_WARNINGS:.0%} warned"
        return Line(cells, goal, not refused and warned <= FALSE_WARNINGS * len(found))
    return Line(cells, "all warned", expected + refused == len(found))


def _remarks(group: Group, found: list[tuple[Case, Checked]]) -> list[str]:
    """Name what was judged wrong, and how."""
    names = EXPECTED.get(group.expected, frozenset())
    if group.expected == "pass":
        kinds = Counter(name for _, checked in found for name in checked.warnings)
        wrong = [
            f"{case.recording.name} ({checked.refusal or ', '.join(sorted(checked.warnings))})"
            for case, checked in found
            if checked.refusal or checked.warnings
        ]
        counted = ", ".join(f"{name} {count}" for name, count in kinds.most_common())
        return [f"{group.name}, by warning: {counted or 'none'}", *([f"  {named(wrong)}"] if wrong else [])]
    if group.expected == "refuse":
        missed = [case.recording.name for case, checked in found if checked.refusal is None]
    else:
        missed = [
            case.recording.name for case, checked in found if not checked.warnings & names and not checked.refusal
        ]
    return [f"{group.name}, missed: {named(missed)}"] if missed else []


def _check(pipeline: Pipeline, folder: Path, case: Case) -> Checked:
    if not case.spoiling:
        return pipeline.check(case.recording.path)
    path = folder / "spoiled.wav"
    save(path, *_spoiled(case))
    return pipeline.check(path)


def _spoiled(case: Case) -> tuple[Mono, int]:
    samples, rate_hz = load(case.recording.path)
    if case.spoiling == "telephone":
        return telephone(samples, rate_hz)
    if case.spoiling == "two voices":
        assert case.other is not None
        return _in_turn(load_at(case.recording.path, JUDGED_HZ), load_at(case.other.path, JUDGED_HZ)), JUDGED_HZ
    if case.other is not None and case.spoiling.endswith("dB"):
        snr_db = float(case.spoiling.removesuffix(" dB"))
        return mixture(samples, load_at(case.other.path, rate_hz), snr_db)[0], rate_hz
    return _PLAIN[case.spoiling](samples, rate_hz), rate_hz


def _in_turn(one: Mono, other: Mono) -> Mono:
    both = [each[: 10 * JUDGED_HZ] for each in (one, other)]
    leveled = [each * (0.06 / (np.sqrt(np.square(each).mean()) + 1e-9)) for each in both]
    joined = np.concatenate([leveled[0], np.zeros(JUDGED_HZ // 4), leveled[1]])
    return joined * min(1.0, PEAK / float(np.abs(joined).max()))


_PLAIN: Final[dict[str, Callable[[Mono, int], Mono]]] = {
    "clipping": lambda samples, _rate_hz: clipped(samples, 0.001),
    "clipping, halved": lambda samples, _rate_hz: 0.5 * clipped(samples, 0.001),
    "clipping, hard": lambda samples, _rate_hz: clipped(samples, 0.01),
    "echo": lambda samples, rate_hz: echoing(samples, rate_hz),
    "echo, far": lambda samples, rate_hz: echoing(samples, rate_hz, direct_db=-6.0),
}
