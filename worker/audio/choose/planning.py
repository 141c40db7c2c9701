"""Choose what of the recordings an engine gets: which stretches, in which order, in how many files.

Pure, by what was measured. An engine that takes seconds gets the best ones, one that takes minutes the best segments
joined, best first, and one that learns from everything gets everything that is usable. Other voices are left out where
enough of the main one remains. An engine's maxima are never a reason to refuse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from worker.audio.choose.phrases import phrases, shortened_pauses, tightened, trim
from worker.audio.choose.remainder import remainder
from worker.audio.choose.segments import LEAST_PART_S, Segment, pick, ranked
from worker.audio.files.encode import Container, frames_that_fit
from worker.audio.measure.inspection import Examination
from worker.audio.measure.persons import strangers
from worker.audio.measure.verdicts import CHECKS, Verdict
from worker.audio.tracks import Span

MAX_RATE_HZ: Final = 48_000  # no vendor gains from more; a lower rate is never raised
ONE_STRETCH_S: Final = 30.0  # an engine that wants no more than this wants it in one piece
STRETCH_SHARE: Final = (0.7, 1.3)  # of what is best, when the engine names no limits of its own
ENOUGH_SPEECH: Final = 0.9  # of the shortest stretch, when its silence has been taken out
SHORT_PART_S: Final = 1.5  # segments of this length are joined where longer ones are too few
CLEARLY_SEVERAL: Final = 0.70  # likeness of a recording's voices; those of composites of two have .45 to .72 (2026-11)
NEARLY: Final = 0.8  # of what an engine needs: the pauses of this much speech may count; silence makes no voice
SHORTEST_S: Final = 0.5
FLAC_OVERHEAD: Final = 1.02  # sound that cannot be compressed is a little larger than as WAV


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of one of several recordings, which are numbered."""

    part: int
    span: Span


@dataclass(frozen=True, slots=True)
class Target:
    """What an engine takes; None is no limit, and no `best_s` means that everything is of use."""

    container: Container = "wav"
    max_rate_hz: int | None = None
    best_s: float | None = None
    least_s: float | None = None
    max_files: int | None = None
    min_file_s: float | None = None
    max_file_s: float | None = None
    max_total_s: float | None = None
    max_file_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One file: its cuts in order, `part` being the number of the recording, and its rate."""

    cuts: tuple[Cut, ...]
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return sum(cut.span.duration_s for cut in self.cuts)


def plan(examinations: Sequence[Examination], target: Target, *, trims: bool) -> tuple[FilePlan, ...]:
    """Return the files to make of one or more recordings; at least one. Recordings are numbered from 0.

    `trims` False leaves the ends and the pauses of a recording alone where all of it is sent. So does an engine that
    needs a few more seconds than remain without them.
    """
    limit_s = _file_limit_s(examinations, target)
    least_s = target.least_s or 0.0
    files = _plan(examinations, target, limit_s, trims=trims)
    if sum(file.duration_s for file in files) < least_s:
        # Of somebody else as well, before there is too little of anybody.
        everybody = [replace(each, foreign=(), voice=None) for each in examinations]
        more = _plan(everybody, target, limit_s, trims=trims)
        files = max(files, more, key=lambda each: sum(file.duration_s for file in each))
    if NEARLY * least_s <= sum(file.duration_s for file in files) < least_s:
        wholes = [_all_of(number, each, trims=False) for number, each in enumerate(examinations)]
        untrimmed = _filled(wholes, examinations, target, limit_s)
        return max(untrimmed, files, key=lambda each: sum(file.duration_s for file in each))
    return files


def _plan(examinations: Sequence[Examination], target: Target, limit_s: float, *, trims: bool) -> tuple[FilePlan, ...]:
    numbers = _of_one_person(examinations, target)
    if len(numbers) < len(examinations):
        files = _plan([replace(examinations[number], voice=None) for number in numbers], target, limit_s, trims=trims)
        return tuple(replace(file, cuts=tuple(Cut(numbers[c.part], c.span) for c in file.cuts)) for file in files)
    best_s = target.best_s
    if best_s is not None and best_s <= ONE_STRETCH_S:
        stretch = _one_stretch(examinations, target, min(best_s, limit_s), limit_s)
        if stretch:
            return (_file(stretch, examinations, target),)
    total_s = min(target.max_total_s or float("inf"), limit_s * (target.max_files or float("inf")))
    if best_s is not None:
        wanted_s = best_s * STRETCH_SHARE[1] if best_s <= ONE_STRETCH_S else best_s
        chosen = _best(examinations, min(wanted_s, total_s))
        return _filled([chosen], examinations, target, limit_s)
    everything = [_all_of(number, each, trims=trims) for number, each in enumerate(examinations)]
    if sum(cut.span.duration_s for cuts in everything for cut in cuts) > total_s:
        everything = _by_recording(_best(examinations, total_s), len(examinations))
    return _filled(everything, examinations, target, limit_s)


def _of_one_person(examinations: Sequence[Examination], target: Target) -> list[int]:
    """Return the recordings without those of strangers, where there is enough without them; else all."""
    everybody = list(range(len(examinations)))
    spoken_s = [each.inspection.measures.speech_s for each in examinations]
    unlike = strangers([each.voice for each in examinations], spoken_s)
    kept = [number for number in everybody if number not in unlike]
    enough_s = max(target.least_s or 0.0, min(target.best_s or float("inf"), sum(spoken_s) / 2))
    return kept if kept and sum(spoken_s[number] for number in kept) >= enough_s else everybody


def rate_of(examinations: Iterable[Examination], target: Target) -> int:
    """Return the rate of a file made of these recordings: the lowest of all, for nothing is ever raised."""
    rates = [each.inspection.rate_hz for each in examinations]
    return min(*rates, target.max_rate_hz or MAX_RATE_HZ, MAX_RATE_HZ)


def _file_limit_s(examinations: Sequence[Examination], target: Target) -> float:
    """Return how long a file may be, by what the engine says of seconds and of bytes."""
    limits_s = [target.max_file_s or float("inf"), target.max_total_s or float("inf")]
    if target.max_file_bytes is not None:
        highest_hz = max(rate_of([each], target) for each in examinations)
        room = frames_that_fit(target.max_file_bytes) / highest_hz
        limits_s.append(room / FLAC_OVERHEAD if target.container == "flac" else room)
    if min(limits_s) < SHORTEST_S:
        raise ValueError(f"no recording fits into {target}")
    return min(limits_s)


def _one_stretch(examinations: Sequence[Examination], target: Target, best_s: float, limit_s: float) -> list[Cut]:
    """Return the best single stretch of all recordings, less its silence; nothing where none is long enough."""
    least, most = STRETCH_SHARE
    found: list[tuple[float, int, Segment]] = []
    for number, each in enumerate(examinations):
        segment = pick(
            each.tracks,
            least_s=max(least * best_s, target.least_s or 0.0),
            best_s=best_s,
            most_s=min(most * best_s, limit_s),
            flat_tops_per_s=each.flat_tops_per_s,
            foreign=each.foreign,
        )
        if segment is not None:
            found.append((_worth(each) + segment.score, -number, segment))
    if not found:
        return []
    _score, number, segment = max(found, key=lambda entry: entry[:2])
    each = examinations[-number]
    spans = shortened_pauses(each.tracks, tightened(each.tracks, _inside(segment.span, each)))
    is_enough = sum(span.duration_s for span in spans) >= max(least * best_s * ENOUGH_SPEECH, target.least_s or 0.0)
    return [Cut(-number, span) for span in spans] if is_enough else []


def _inside(span: Span, each: Examination) -> Span:
    """Return a stretch up to the end of the recording, which may lie in the middle of the last window of its tracks."""
    return Span(span.start_s, min(span.end_s, each.inspection.duration_s))


def _worth(each: Examination) -> float:
    """Return how a recording as a whole compares with others: one that sounds like a telephone is a last resort."""
    bandwidth_hz = each.inspection.measures.bandwidth_hz
    limit_hz = CHECKS["bandwidth"].warn
    return -3.0 if bandwidth_hz is not None and limit_hz is not None and bandwidth_hz < limit_hz else 0.0


def _best(examinations: Sequence[Examination], total_s: float) -> list[Cut]:
    """Return the best segments of all recordings, best first, up to `total_s`, long pauses shortened.

    Where long segments are too few, short ones are taken: two sentences are more than one.
    """
    cuts = _joined(examinations, total_s, LEAST_PART_S)
    if _seconds(cuts) < STRETCH_SHARE[0] * total_s:
        cuts = max(cuts, _joined(examinations, total_s, SHORT_PART_S), key=_seconds)
    if not cuts:  # nobody speaks, so there is nothing to choose by
        return [Cut(0, Span(0.0, min(total_s, examinations[0].inspection.duration_s)))]
    return cuts


def _joined(examinations: Sequence[Examination], total_s: float, least_part_s: float) -> list[Cut]:
    segments = [
        (_worth(each) + segment.score, -number, segment)
        for number, each in enumerate(examinations)
        for segment in ranked(
            each.tracks,
            total_s=total_s,
            flat_tops_per_s=each.flat_tops_per_s,
            foreign=each.foreign,
            least_part_s=least_part_s,
        )
    ]
    segments.sort(key=lambda entry: (-entry[0], -entry[1], entry[2].span.start_s))
    cuts: list[Cut] = []
    left_s = total_s
    for _score, number, segment in segments:
        each = examinations[-number]
        for span in shortened_pauses(each.tracks, tightened(each.tracks, _inside(segment.span, each))):
            kept = Span(span.start_s, min(span.end_s, span.start_s + left_s))
            if kept.duration_s >= SHORTEST_S or (kept == span and kept.duration_s > 0):
                cuts.append(Cut(-number, kept))
                left_s -= kept.duration_s
    return cuts


def _seconds(cuts: Iterable[Cut]) -> float:
    return sum(cut.span.duration_s for cut in cuts)


def _all_of(number: int, each: Examination, *, trims: bool) -> list[Cut]:
    whole = Span(0.0, each.inspection.duration_s)
    if _is_partly_useless(each) and (good := _best([each], float("inf"))):
        return [Cut(number, cut.span) for cut in sorted(good, key=lambda cut: cut.span.start_s)]
    if not trims:
        return [Cut(number, whole)]
    kept = trim(each.tracks, whole.duration_s)
    # Noise alone makes a part of a recording unlike the rest: that is avoided where there is a choice, but not dropped.
    likeness = each.inspection.measures.voice_likeness
    is_clear = likeness is None or likeness < CLEARLY_SEVERAL
    return [Cut(number, span) for span in remainder(each.tracks, kept, each.foreign if is_clear else ())]


def _is_partly_useless(each: Examination) -> bool:
    """Whether a recording was let pass for the sake of its good stretches only, as its owner was told."""
    findings = each.inspection.findings
    warned = [finding for finding in findings if finding.verdict is Verdict.WARN]
    return any(CHECKS[finding.name].judge(finding.value).verdict is Verdict.REFUSE for finding in warned)


def _by_recording(cuts: Sequence[Cut], recordings: int) -> list[list[Cut]]:
    """Return the cuts of each recording in the order of time."""
    of = [sorted((c for c in cuts if c.part == n), key=lambda c: c.span.start_s) for n in range(recordings)]
    return [each for each in of if each]


def _filled(
    groups: Sequence[Sequence[Cut]], examinations: Sequence[Examination], target: Target, limit_s: float
) -> tuple[FilePlan, ...]:
    """Return files of at most `limit_s` seconds, one a group where that is few enough files, else joined."""
    if target.max_files is not None and len(groups) > target.max_files:
        groups = [[cut for group in groups for cut in group]]
    files: list[FilePlan] = []
    for group in groups:
        room_s, held = limit_s, list[Cut]()
        for cut in (piece for whole in group for piece in _pieces(whole, examinations[whole.part], limit_s)):
            if held and cut.span.duration_s > room_s:
                files.append(_file(held, examinations, target))
                room_s, held = limit_s, []
            held.append(cut)
            room_s -= cut.span.duration_s
        if held:
            files.append(_file(held, examinations, target))
    least_s = max(target.min_file_s or 0.0, SHORTEST_S)
    long_enough = [file for file in files if file.duration_s >= least_s]  # not so is what splitting left over
    return tuple((long_enough or files)[: target.max_files])


def _pieces(cut: Cut, examination: Examination, limit_s: float) -> list[Cut]:
    """Return a cut in pieces of at most `limit_s`, parted in pauses where there are any."""
    pieces: list[Cut] = []
    rest = cut.span
    starts_s = [phrase.span.start_s for phrase in phrases(examination.tracks)] if rest.duration_s > limit_s else []
    while rest.duration_s > limit_s:
        latest_s = rest.start_s + limit_s
        end_s = max((s for s in starts_s if rest.start_s + limit_s / 2 < s <= latest_s), default=latest_s)
        pieces.append(Cut(cut.part, Span(rest.start_s, end_s)))
        rest = Span(end_s, rest.end_s)
    return [*pieces, Cut(cut.part, rest)]


def _file(cuts: Sequence[Cut], examinations: Sequence[Examination], target: Target) -> FilePlan:
    used = [examinations[number] for number in sorted({cut.part for cut in cuts})]
    return FilePlan(tuple(cuts), rate_of(used, target))
