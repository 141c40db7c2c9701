"""How long a 10 s sample takes from its upload to `ready`, against the sum of what cannot be left out.

The service is whole (laptop profile), the vendor is the sandbox and trains in no time. The floors are the same work
without us: the bytes read by an application that forgets them, plain writes with fsync, commits of one row, one Celery
hop to an idle worker, and the two passes over the sound called as functions in this process.
"""

import http.client
import json
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import soundfile

from api.client import KEY_FILE
from shared.broker import EmbeddedBroker
from tests.bench import hop
from tests.bench.intake import TARGET
from tests.bench.rounds import Reading, Row, Spread, Subject, Table, compare, interleave
from tests.bench.service import UNLIMITED, Server, running, running_bare
from tests.bench.upload import send
from tests.stack import Stack, start
from tests.worker.audio.signals import in_noise, spoken
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.inspector import inspect
from worker.audio.measure.inspection import Examination
from worker.audio.preparation import Source, Target, Wish, prepare

ROUNDS = 10
QUICK_ROUNDS = 4
DURATION_S = 10.0
RATE_HZ = 48_000
SNR_DB = 12.0  # noisy enough to be cleaned
POLL_S = 0.005
READY_S = 60.0
COMMITS = 7  # the clone; claim; validated; prepared; the submission's intent; submitted; ready
COLUMNS = ("ms", "ms by its history")
SUM, JOB = "floors: their sum", "clonepipe: upload to ready"
LIMITS = DecodeLimits(max_duration_s=600.0, memory_bytes=768 * 1024 * 1024)
NOTES = (
    f"the client polls every {POLL_S * 1000:g} ms; 'by its history' is from the first to the last event of the clone",
)


@dataclass(frozen=True, slots=True)
class Field:
    """Everything that runs during the comparison; the decoder is this process's own."""

    stack: Stack
    key: str
    bare: Server
    caller: hop.Caller
    decoder: Decoder
    folder: Path
    wav: Path
    first_job: Reading


def run(quick: bool = False) -> list[Table]:
    """Compare the whole way with the sum of its floors."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _field(Path(folder)) as field:
        parts = _parts(field)
        job = Subject(JOB, lambda: _job(field.stack, field.key, field.wav), SUM)
        readings = interleave([*parts, job], rounds)
        first = field.first_job
    sums_ms = [sum(readings[part.name][number][0] or 0.0 for part in parts) for number in range(rounds)]
    readings[SUM] = [(sum_ms, None) for sum_ms in sums_ms]
    table = compare(
        f"pipeline of a {DURATION_S:g} s sample", COLUMNS, [*parts, Subject(SUM, lambda: ()), job], readings, NOTES
    )
    figures = tuple(None if one is None else Spread.of([one]) for one in first)
    ratio = Spread.of([(first[0] or 0.0) / median(sums_ms)])
    row = Row("clonepipe: first job after the start", figures, SUM, ratio)
    return [Table(table.title, table.columns, (*table.rows, row), table.rounds, table.notes)]


@contextmanager
def _field(folder: Path) -> Iterator[Field]:
    wav = folder / "sample.wav"
    soundfile.write(wav, in_noise(spoken(DURATION_S, RATE_HZ), SNR_DB).T, RATE_HZ, subtype="PCM_16")
    (folder / "stack").mkdir()
    stack = start(folder / "stack", {"sandbox_training_s": 0, "lease_s": 30, **UNLIMITED})
    try:
        key = (stack.folder / KEY_FILE).read_text().strip()
        first_job = _job(stack, key, wav)
        url = EmbeddedBroker(stack.folder).url
        with (
            running_bare(folder / "bare") as bare,
            running(["tests.bench.hop", url], folder / "hop.log"),
            Decoder() as decoder,
        ):
            yield Field(stack, key, bare, hop.Caller(url), decoder, folder, wav, first_job)
    finally:
        stack.end(signal.SIGINT)


def _parts(field: Field) -> list[Subject]:
    """Return the floors; each one's figure is what a whole job needs of it."""
    data = field.wav.read_bytes()
    examination = _inspect(field)
    prepared = _prepare(field, examination).read_bytes()
    journal = sqlite3.connect(field.folder / "floor.db", isolation_level=None)
    journal.execute("PRAGMA journal_mode = WAL")
    journal.execute("PRAGMA synchronous = FULL")
    journal.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, word TEXT)")

    def commits() -> None:
        for _ in range(COMMITS):
            journal.execute("BEGIN IMMEDIATE")
            journal.execute("INSERT INTO things (word) VALUES ('one')")
            journal.execute("COMMIT")

    return [
        _timed("floor: upload, forgotten", lambda: send(field.bare.port, TARGET, "", [iter([data])], len(data))),
        _timed("floor: 3 files written, fsync", lambda: _write(field.folder, data, prepared, b"{}")),
        _timed(f"floor: {COMMITS} commits", commits),
        Subject("floor: one Celery hop", lambda: (field.caller.hop() * 1000, None)),
        _timed("floor: inspect()", lambda: _inspect(field)),
        _timed("floor: prepare()", lambda: _prepare(field, examination)),
    ]


def _timed(name: str, work: Callable[[], object]) -> Subject:
    def measure() -> Reading:
        began_s = time.perf_counter()
        work()
        return (time.perf_counter() - began_s) * 1000, None

    return Subject(name, measure)


def _write(folder: Path, *contents: bytes) -> None:
    """Each of an upload, of what was prepared and of the sandbox vendor's voice is one durable file."""
    for number, content in enumerate(contents):
        with (folder / f"written-{number}").open("wb", buffering=0) as file:
            file.write(content)
            os.fsync(file.fileno())


def _inspect(field: Field) -> Examination:
    return inspect(field.decoder, field.wav, filename="sample.wav", limits=LIMITS, progress=lambda _: None)


def _prepare(field: Field, examination: Examination) -> Path:
    source = Source("sample", "sample.wav", field.wav, "0" * 64, examination)
    target = Target(container="flac", max_rate_hz=RATE_HZ, max_total_s=600.0, max_file_bytes=50 * 1024**2)
    [made] = prepare(
        field.decoder, [source], target=target, wish=Wish(), limits=LIMITS, folder=field.folder,
        progress=lambda _: None,
    )  # fmt: skip
    return made.path


def _job(stack: Stack, key: str, wav: Path) -> Reading:
    """Upload and poll until ready; return the milliseconds as the client and as the clone's history tell them."""
    port = int(stack.url.rpartition(":")[2])
    data = wav.read_bytes()
    began_s = time.perf_counter()
    path = f"{TARGET}/{json.loads(send(port, TARGET, key, [iter([data])], len(data)))['data']['voiceId']}"
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
    try:
        while (found := _asked(wire, path, key))["status"] != "ready":
            if found["status"] == "failed" or time.perf_counter() - began_s > READY_S:
                raise RuntimeError(f"the sample did not become a voice: {found}\n{stack.log()}")
            time.sleep(POLL_S)
        took_ms = (time.perf_counter() - began_s) * 1000
        moments = [datetime.fromisoformat(line["timestamp"]) for line in _asked(wire, f"{path}/events", key)["events"]]
    finally:
        wire.close()
    return took_ms, (moments[-1] - moments[0]).total_seconds() * 1000


def _asked(wire: http.client.HTTPConnection, path: str, key: str) -> dict[str, Any]:
    wire.request("GET", path, headers={"x-api-key": key})
    data: dict[str, Any] = json.loads(wire.getresponse().read())["data"]
    return data
