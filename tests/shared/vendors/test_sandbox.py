"""The sandbox vendor is a product: its scripted outcomes are what users test their own handling with."""

from pathlib import Path

import pytest

from shared.errors import TrainingFailed, UnknownOutcome, VendorProtocol, VendorRateLimited, VendorRejected
from shared.storage.folder import FolderStorage
from shared.vendors.protocol import CloneOrder, TrainingState
from shared.vendors.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(FolderStorage(tmp_path), training_s=0.0)


def submit(sandbox: Sandbox, name: str = "Anna", marker: str = "cp-a-1") -> str:
    return sandbox.submit("default", CloneOrder("vc_a", name, None, None, None, {}, {}), [], marker).voice_id


def test_a_voice_is_found_by_its_marker_by_every_process(sandbox: Sandbox, tmp_path: Path) -> None:
    voice_id = submit(sandbox)
    other = Sandbox(FolderStorage(tmp_path), training_s=0.0)
    assert [voice.voice_id for voice in other.find("default", "cp-a-1")] == [voice_id]
    assert other.find("default", "cp-b-1") == ()


def test_training_takes_its_time_and_ends(tmp_path: Path) -> None:
    slow = Sandbox(FolderStorage(tmp_path), training_s=1000.0)
    training = slow.poll("default", submit(slow))
    assert training.state is TrainingState.TRAINING
    assert training.progress is not None
    assert 0 <= training.progress < 0.1


def test_the_name_scripts_the_outcome(sandbox: Sandbox) -> None:
    with pytest.raises(VendorRejected):
        submit(sandbox, "x fail_at_submit")
    failing = sandbox.poll("default", submit(sandbox, "x fail_at_training"))
    assert (failing.state, failing.progress) == (TrainingState.FAILED, 0.6)
    with pytest.raises(UnknownOutcome):
        submit(sandbox, "x answer_lost", marker="lost")
    assert len(sandbox.find("default", "lost")) == 1
    for _ in range(2):
        with pytest.raises(VendorRateLimited):
            submit(sandbox, "x rate_limited", marker="limited")
    assert submit(sandbox, "x rate_limited", marker="limited")


def test_a_discarded_voice_is_gone_and_discarding_again_is_no_error(sandbox: Sandbox) -> None:
    voice_id = submit(sandbox)
    for _ in range(2):
        sandbox.discard("default", voice_id)
    assert sandbox.ledger() == ()
    with pytest.raises(TrainingFailed):
        sandbox.poll("default", voice_id)


def test_a_voice_id_of_somebody_else_is_refused(sandbox: Sandbox) -> None:
    for foreign in ("", "abc", "sandbox", "sandbox..x", "../../etc/passwd"):
        with pytest.raises(VendorProtocol):
            sandbox.poll("default", foreign)
