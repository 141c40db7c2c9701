"""Real processes are killed, frozen and emptied; every job still ends `ready`, each submitted once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from sqlalchemy import select

from shared.db.engine import Database
from shared.db.models import Job
from tests.processes import is_gone, until
from tests.profiles import Profile
from tests.stack import CLEAN_SPEECH, LEASE_S, Stack, running_stack, start

pytestmark = pytest.mark.faults

SLACK_S = 12.0  # restart, back-off and a busy machine of two cores


@pytest.fixture(scope="module")
def stack(profile: Profile) -> Iterator[Stack]:
    with running_stack(profile) as running:
        running.wait_for(running.create("warm up"), "ready")
        yield running


@pytest.fixture(scope="module")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Speech with noise, long enough that `prepare` can be caught in the act."""
    speech, rate_hz = soundfile.read(CLEAN_SPEECH, dtype="float32")
    noise = np.random.default_rng(1).normal(0, 0.02, len(speech) * 25).astype(np.float32)
    path = tmp_path_factory.mktemp("long") / "long_speech.flac"
    soundfile.write(path, np.tile(speech, 25) * 0.5 + noise, rate_hz)
    return path


def all_ready(stack: Stack, voice_ids: list[str], within_s: float) -> None:
    for voice_id in voice_ids:
        clone = stack.wait_for(voice_id, "ready", "failed", within_s=within_s)
        assert clone["status"] == "ready", clone


def test_a_worker_killed_in_prepare_costs_a_lease(stack: Stack, long_speech: Path) -> None:
    before = len(stack.ledger())
    voice_id = stack.create(file=long_speech)
    stack.wait_for(voice_id, "prepare")
    time.sleep(0.3)
    stack.kill("worker")
    clone = stack.get(voice_id)
    assert clone["stage"] == "prepare", "the kill came too late to mean anything"
    all_ready(stack, [voice_id], within_s=LEASE_S + SLACK_S + 60)  # ... and the work itself, once more
    assert len(stack.ledger()) == before + 1


def test_a_killed_relay_is_back_and_nothing_waits_for_it_for_long(stack: Stack) -> None:
    before = len(stack.ledger())
    old = stack.kill("relay")
    voice_ids = [stack.create() for _ in range(5)]
    all_ready(stack, voice_ids, within_s=LEASE_S + SLACK_S)
    assert len(stack.ledger()) == before + 5
    assert stack.pid("relay") != old


def test_a_killed_broker_is_back_and_every_job_ends(stack: Stack) -> None:
    before = len(stack.ledger())
    voice_ids = [stack.create() for _ in range(5)]
    old = stack.kill("broker")
    voice_ids += [stack.create() for _ in range(5)]
    all_ready(stack, voice_ids, within_s=LEASE_S + SLACK_S + 10)
    assert len(stack.ledger()) == before + 10
    assert stack.pid("broker") != old


def test_an_emptied_broker_with_twenty_jobs_waiting_loses_none(stack: Stack) -> None:
    before = len(stack.ledger())
    worker = psutil.Process(stack.pid("worker"))
    worker.suspend()  # so that all twenty wait
    try:
        voice_ids = [stack.create() for _ in range(20)]
        assert until(lambda: stack.broker.llen("audio") >= 20)
        stack.broker.flushall()
        assert stack.broker.llen("audio") < 20
    finally:
        worker.resume()
    all_ready(stack, voice_ids, within_s=LEASE_S + SLACK_S + 20)
    assert len(stack.ledger()) == before + 20


def test_with_a_frozen_broker_uploads_are_answered_and_finish_later(stack: Stack) -> None:
    before = len(stack.ledger())
    frozen = psutil.Process(stack.pid("broker"))
    frozen.suspend()
    try:
        voice_ids = []
        for _ in range(5):
            began_s = time.monotonic()
            voice_ids.append(stack.create())
            assert time.monotonic() - began_s < 1.0
    finally:
        frozen.resume()
    all_ready(stack, voice_ids, within_s=LEASE_S + SLACK_S + 10)
    assert len(stack.ledger()) == before + 5


def test_a_killed_api_keeps_its_callers_waiting_not_refused(stack: Stack) -> None:
    old = stack.kill("api")
    assert until(lambda: is_gone(old))
    stack.reconnect()  # what was open to the dead process is gone with it; what comes anew waits in the backlog
    voice_id = stack.create()
    assert stack.pid("api") != old
    all_ready(stack, [voice_id], within_s=LEASE_S + SLACK_S)


def test_a_kill_of_everything_leaves_no_orphan_and_loses_no_job(own_profile: Profile, tmp_path: Path) -> None:
    first = start(tmp_path, {"sandbox_training_s": 3}, own_profile)
    before = len(first.ledger())
    voice_id = first.create()
    children = psutil.Process(first.process.pid).children(recursive=True)
    assert len(children) >= 3
    first.end(signal.SIGKILL)
    assert until(lambda: all(is_gone(child.pid) for child in children), 15), [
        child for child in children if not is_gone(child.pid)
    ]
    second = start(tmp_path, {"sandbox_training_s": 3}, own_profile)
    try:
        all_ready(second, [voice_id], within_s=LEASE_S + SLACK_S)
        assert len(second.ledger()) == before + 1
    finally:
        assert second.end(signal.SIGTERM) == 0


def test_ctrl_c_hands_the_work_back_and_ends_in_order(own_profile: Profile, tmp_path: Path, long_speech: Path) -> None:
    # A training that outlasts the stop, so that the job is not done before, however slow this machine is.
    first = start(tmp_path, {"sandbox_training_s": 15}, own_profile)
    before = len(first.ledger())
    voice_id = first.create(file=long_speech)
    first.wait_for(voice_id, "prepare")
    assert first.end(signal.SIGINT) == 0
    database = Database(first.settings.database_url)
    with database.read() as session:
        leases = session.execute(select(Job.lease_until, Job.attempt).where(Job.clone_id == voice_id)).all()
    database.dispose()
    # Handed back: nobody has to wait for a lease to run out, and no attempt is burned.
    assert leases == [(None, 0)], first.log()
    second = start(tmp_path, {}, own_profile)
    try:
        all_ready(second, [voice_id], within_s=60)
        assert len(second.ledger()) == before + 1
    finally:
        second.end(signal.SIGTERM)
