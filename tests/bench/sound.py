"""How long `validate` and `prepare` take of a recording, against the usual script.

The script loads at 24 kHz, runs noisereduce, trims and writes. noisereduce is no part of the product nor of its
tests: `make sound-eval` installs it (tests/sound_eval/requirements.txt); without it the ratios cannot be told, and
the tables say so. The recordings are of the synthesised voice that lies with the tests.
"""

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from tests.bench.rounds import ROUNDS, Reading, Subject, Table, compare, interleave
from tests.bench.treatment import Passes, treat
from tests.worker.audio.signals import in_noise, spoken
from worker.audio.files.decoder import Decoder

RATE_HZ = 48_000
MINUTE_S, SAMPLE_S, HOUR_S = 60, 10, 3_600
QUICK_HOUR_S = 600
CLEAN_DB, NOISY_DB = 45.0, 15.0  # the first needs no denoising, the second does
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
SCRIPT = "floor: the usual script"
TIMES = ("s", "analysis s", "treatment s", "CPU s")
LONG = ("s", "x real time", "CPU s", "peak MB", "decoder MB")
NO_FLOOR = "! noisereduce is not installed, so there is no floor to compare with: `make sound-eval` installs it"
HAS_FLOOR = importlib.util.find_spec("noisereduce") is not None


def run(quick: bool = False) -> Iterator[Table]:
    """Compare warm, as fresh processes, and by length."""
    with tempfile.TemporaryDirectory(prefix="bench-") as path, _one_core():
        folder = Path(path)
        clean, noisy, short = (folder / f"{name}.wav" for name in ("clean", "noisy", "short"))
        _write(clean, MINUTE_S, CLEAN_DB)
        _write(noisy, MINUTE_S, NOISY_DB)
        _write(short, SAMPLE_S, CLEAN_DB)
        yield _warm(folder, clean, noisy, short, 1 if quick else ROUNDS)
        yield _fresh(folder, clean, noisy, 1 if quick else ROUNDS, "on one core")
        yield _long(folder, QUICK_HOUR_S if quick else HOUR_S, "on one core")
    with tempfile.TemporaryDirectory(prefix="bench-") as path:
        folder = Path(path)
        clean, noisy = folder / "clean.wav", folder / "noisy.wav"
        _write(clean, MINUTE_S, CLEAN_DB)
        _write(noisy, MINUTE_S, NOISY_DB)
        yield _fresh(folder, clean, noisy, 1 if quick else ROUNDS, "on all cores")
        yield _long(folder, QUICK_HOUR_S if quick else HOUR_S, "on all cores")


def _warm(folder: Path, clean: Path, noisy: Path, short: Path, rounds: int) -> Table:
    with Decoder() as decoder:

        def passes(path: Path, denoise: str) -> Callable[[], Reading]:
            return lambda: _reading(treat(decoder, path, denoise, folder))

        subjects = _floored(
            Subject(SCRIPT, lambda: _scripted(noisy, folder)),
            Subject("60 s, without denoising", passes(clean, "off"), SCRIPT),
            Subject("60 s, clean, auto", passes(clean, "auto"), SCRIPT),
            Subject("60 s, denoised", passes(noisy, "on"), SCRIPT),
        )
        subjects += [
            Subject("10 s, clean, auto", passes(short, "auto")),
        ]
        readings = interleave(subjects, rounds)
    notes = (
        "48 kHz stereo WAV; both in this process, which has done it before, held to one core with its decoder",
        "CPU s counts the decoder as well, and on a busy machine says more than the seconds do",
    )
    return compare("sound, warm: validate + prepare of 60 s", TIMES, subjects, readings, _noted(notes))


def _fresh(folder: Path, clean: Path, noisy: Path, rounds: int, cores: str) -> Table:
    subjects = _floored(
        Subject(SCRIPT, lambda: _script_process(noisy, folder)),
        Subject("60 s, without denoising", lambda: _process(clean, "off"), SCRIPT),
        Subject("60 s, denoised", lambda: _process(noisy, "on"), SCRIPT),
    )
    readings = interleave(subjects, rounds, warm_up=lambda subject: None)
    notes = ("from the start of the interpreter to its end, imports and the decoder's start included",)
    return compare(f"sound, as a fresh process, {cores}", TIMES, subjects, readings, _noted(notes))


def _long(folder: Path, duration_s: int, cores: str) -> Table:
    minute, hour = folder / "minute.flac", folder / "hour.flac"
    _write(minute, MINUTE_S, CLEAN_DB)
    _write(hour, duration_s, CLEAN_DB)
    short, long = f"{MINUTE_S // 60} min FLAC", f"{duration_s // 60} min FLAC"
    subjects = [
        *_floored(
            Subject(SCRIPT, lambda: _script_measured(hour, folder, duration_s)),
            Subject(long, lambda: _measured(hour, duration_s), SCRIPT),
        ),
        Subject(short, lambda: _measured(minute, MINUTE_S)),
    ]
    readings = interleave(subjects, 1, warm_up=lambda subject: None)
    notes = (
        "48 kHz stereo; fresh processes; the peaks are of the process and of the largest of its decoding children",
    )
    return compare(f"sound, by length, {cores}", LONG, subjects, readings, _noted(notes))


def _floored(floor: Subject, *others: Subject) -> list[Subject]:
    """Return the subjects, without their floor where there is none."""
    if HAS_FLOOR:
        return [floor, *others]
    return [Subject(other.name, other.measure) for other in others]


def _noted(notes: tuple[str, ...]) -> tuple[str, ...]:
    return notes if HAS_FLOOR else (*notes, NO_FLOOR)


def _reading(passes: Passes) -> Reading:
    return passes.total_s, passes.analysis_s, passes.treatment_s, passes.cpu_s


def _scripted(source: Path, folder: Path) -> Reading:
    from tests.bench.script import treat as treat_by_script

    began_s, used_s = time.perf_counter(), time.process_time()
    treat_by_script(source, folder / "out.wav")
    return time.perf_counter() - began_s, None, None, time.process_time() - used_s


def _process(path: Path, denoise: str) -> Reading:
    took_s, cpu_s, said = _timed("tests.bench.treatment", path, denoise)
    return took_s, said["analysis_s"], said["treatment_s"], cpu_s


def _script_process(path: Path, folder: Path) -> Reading:
    took_s, cpu_s, _ = _timed("tests.bench.script", path, folder / "out.wav")
    return took_s, None, None, cpu_s


def _measured(path: Path, duration_s: int) -> Reading:
    took_s, cpu_s, said = _timed("tests.bench.treatment", path, "auto")
    return took_s, duration_s / took_s, cpu_s, said.get("own_mb"), said.get("child_mb")


def _script_measured(path: Path, folder: Path, duration_s: int) -> Reading:
    took_s, cpu_s, _ = _timed("tests.bench.script", path, folder / "out.wav")
    return took_s, duration_s / took_s, cpu_s, None, None


def _timed(module: str, *arguments: Path | str) -> tuple[float, float, dict[str, float]]:
    """Run a module; return its seconds, the CPU seconds of it and its children, and what it printed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    began_s, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    took_s = time.perf_counter() - began_s
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return took_s, cpu_s, json.loads(done.stdout) if done.stdout else {}


@contextmanager
def _one_core() -> Iterator[None]:
    """Hold this process and all that it starts to one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _write(path: Path, duration_s: int, snr_db: float) -> None:
    """Write the voice in noise, 48 kHz stereo with sides that differ a little; a minute again and again."""
    minute = _stereo(min(duration_s, MINUTE_S), snr_db)
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, subtype="PCM_16") as target:
        for begin_s in range(0, duration_s, MINUTE_S):
            target.write(minute[: (duration_s - begin_s) * RATE_HZ])


def _stereo(duration_s: int, snr_db: float) -> npt.NDArray[np.float32]:
    voice = spoken(duration_s, RATE_HZ)
    return np.stack([in_noise(voice, snr_db, seed=seed)[0] for seed in (3, 4)], axis=1) * np.float32(0.5)
