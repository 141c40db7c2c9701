import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.processes import until
from tests.worker.audio.signals import white_noise, write
from worker.audio.files.decoder import Decoder
from worker.audio.files.decoder_host import CHILD_DESCRIPTORS
from worker.audio.files.wire import DecodeLimits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads another process's limits")


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    return write(tmp_path / "long.wav", white_noise(60.0, 48_000), 48_000)


def test_the_child_is_confined(decoder: Decoder, long_file: Path) -> None:
    limits = DecodeLimits(max_duration_s=600.0, memory_bytes=256 * 2**20, cpu_s=7)
    with decoder.decode(long_file, filename="long.wav", limits=limits) as stream:
        child = psutil.Process(stream.child_pid)
        assert child.rlimit(resource.RLIMIT_CPU) == (7, 8)  # SIGXCPU first: it says who was to blame
        assert child.rlimit(resource.RLIMIT_FSIZE) == (0, 0)
        assert child.rlimit(resource.RLIMIT_CORE) == (0, 0)
        assert child.rlimit(resource.RLIMIT_NOFILE) == (CHILD_DESCRIPTORS, CHILD_DESCRIPTORS)
        soft, hard = child.rlimit(resource.RLIMIT_AS)
        assert soft == hard
        assert soft - child.memory_info().vms <= 256 * 2**20


def test_the_child_holds_the_file_and_the_pipe_and_nothing_else_of_value(
    decoder: Decoder, limits: DecodeLimits, long_file: Path
) -> None:
    with decoder.decode(long_file, filename="long.wav", limits=limits) as stream:
        folder = Path(f"/proc/{stream.child_pid}/fd")
        held = [os.readlink(entry) for entry in folder.iterdir()]
    assert not [name for name in held if name.startswith("socket:")]
    assert {name for name in held if name.startswith("/")} == {str(long_file), "/dev/null"}


SPINNING = """
import os
from worker.audio.files.decoder_host import confine
from worker.audio.files.wire import DecodeLimits

confine(DecodeLimits(max_duration_s=1.0, memory_bytes=2**29, cpu_s=1), os.getppid())
while True:
    pass
"""


def test_the_kernel_ends_a_child_at_its_cpu_limit_by_a_signal_of_its_own() -> None:
    assert subprocess.run([sys.executable, "-c", SPINNING], timeout=60).returncode == -signal.SIGXCPU


def test_no_child_can_tell_how_it_or_another_ended(decoder: Decoder, limits: DecodeLimits, long_file: Path) -> None:
    with (
        decoder.decode(long_file, filename="one.wav", limits=limits),
        decoder.decode(long_file, filename="two.wav", limits=limits) as second,
    ):
        folder = Path(f"/proc/{second.child_pid}/fd")
        held = [os.readlink(entry) for entry in folder.iterdir()]
    assert len([name for name in held if name.startswith("pipe:")]) == 1  # its answer


def test_the_worker_keeps_its_secrets_from_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLONEPIPE_SECRET_KEY", "s3cret")
    with Decoder() as fresh:
        fresh.start()
        assert "CLONEPIPE_SECRET_KEY" not in psutil.Process(fresh.host_pid).environ()


def test_the_host_has_one_thread(decoder: Decoder) -> None:
    decoder.start()
    assert until(lambda: psutil.Process(decoder.host_pid).num_threads() == 1)


def test_memory_beyond_the_budget_is_the_files_error(decoder: Decoder, long_file: Path) -> None:
    limits = DecodeLimits(max_duration_s=600.0, memory_bytes=0)
    with (
        pytest.raises(Exception, match=r"long\.wav cannot be decoded"),
        decoder.decode(long_file, filename="long.wav", limits=limits) as stream,
    ):
        for _block in stream:
            pass


def test_interrupts_of_the_terminal_do_not_reach_the_host(
    decoder: Decoder, limits: DecodeLimits, long_file: Path
) -> None:
    with decoder.decode(long_file, filename="long.wav", limits=limits) as stream:
        assert decoder.host_pid is not None
        assert stream.child_pid is not None
        for pid in (decoder.host_pid, stream.child_pid):
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        assert sum(block.shape[1] for block in stream) == 60 * 48_000
