import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from shared.errors import AudioUnreadable, DecoderLost, SourceMissing
from tests.processes import is_gone, until
from tests.worker.audio.signals import tone, white_noise, write
from worker.audio.files.decoder import Decoder
from worker.audio.files.stream import DecodedStream
from worker.audio.files.wire import DecodeLimits


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    """Far more sound than a pipe holds, so that its child lives for as long as nobody reads."""
    return write(tmp_path / "long.wav", white_noise(60.0, 48_000), 48_000)


def _children(decoder: Decoder) -> list[psutil.Process]:
    assert decoder.host_pid is not None
    return psutil.Process(decoder.host_pid).children()


def _decode_but_first(act: Callable[[DecodedStream], None], decoder: Decoder, path: Path, limits: DecodeLimits) -> int:
    """Open a file as "my voice.wav", let something happen, then read it; return how many frames there were."""
    with decoder.decode(path, filename="my voice.wav", limits=limits) as stream:
        act(stream)
        return sum(block.shape[1] for block in stream)


def _open_descriptors() -> int:
    return psutil.Process().num_fds()


def test_the_child_is_a_child_of_the_host_and_ends_with_its_answer(
    decoder: Decoder, limits: DecodeLimits, long_file: Path
) -> None:
    with decoder.decode(long_file, filename="long.wav", limits=limits) as stream:
        child_pid = stream.child_pid
        assert child_pid in [child.pid for child in _children(decoder)]
        frames = sum(block.shape[1] for block in stream)
    assert frames == 60 * 48_000
    assert until(lambda: not _children(decoder))


def test_leaving_early_ends_the_child(decoder: Decoder, limits: DecodeLimits, long_file: Path) -> None:
    with decoder.decode(long_file, filename="long.wav", limits=limits) as stream:
        next(iter(stream))
    assert until(lambda: not _children(decoder))


def test_an_error_of_the_reader_goes_through_and_ends_the_child(
    decoder: Decoder, limits: DecodeLimits, long_file: Path
) -> None:
    def lose_the_claim(_stream: DecodedStream) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        _decode_but_first(lose_the_claim, decoder, long_file, limits)
    assert until(lambda: not _children(decoder))


def test_a_child_killed_from_outside_is_not_the_files_fault(
    decoder: Decoder, limits: DecodeLimits, long_file: Path
) -> None:
    decoder.start()
    host_pid = decoder.host_pid
    with pytest.raises(DecoderLost, match=r"killed while it read my voice\.wav") as caught:
        _decode_but_first(lambda stream: os.kill(stream.child_pid or 0, signal.SIGKILL), decoder, long_file, limits)
    assert (caught.value.retryable, caught.value.details) == (True, {"filename": "my voice.wav"})
    assert _decode_but_first(lambda _stream: None, decoder, long_file, limits) == 60 * 48_000
    assert decoder.host_pid == host_pid


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_child_that_crashes_is_the_files_error(
    decoder: Decoder, limits: DecodeLimits, long_file: Path, number: signal.Signals
) -> None:
    with pytest.raises(AudioUnreadable, match=r"my voice\.wav cannot be decoded: its decoder crashed"):
        _decode_but_first(lambda stream: os.kill(stream.child_pid or 0, number), decoder, long_file, limits)


def test_only_the_killed_one_of_two_children_is_lost(decoder: Decoder, limits: DecodeLimits, long_file: Path) -> None:
    with decoder.decode(long_file, filename="hers.wav", limits=limits) as hers:
        with pytest.raises(DecoderLost, match=r"my voice\.wav"):
            _decode_but_first(lambda stream: os.kill(stream.child_pid or 0, signal.SIGKILL), decoder, long_file, limits)
        assert sum(block.shape[1] for block in hers) == 60 * 48_000


def test_a_child_at_its_cpu_limit_is_the_files_error(decoder: Decoder, limits: DecodeLimits, long_file: Path) -> None:
    with pytest.raises(AudioUnreadable, match=r"my voice\.wav cannot be decoded: .* more than 60 s of processor time"):
        _decode_but_first(lambda stream: os.kill(stream.child_pid or 0, signal.SIGXCPU), decoder, long_file, limits)


def test_a_stopped_child_is_given_up_on_and_killed(decoder: Decoder, limits: DecodeLimits, long_file: Path) -> None:
    impatient = replace(limits, wall_s=0.3)
    with pytest.raises(AudioUnreadable, match=r"my voice\.wav cannot be decoded"):
        _decode_but_first(lambda stream: os.kill(stream.child_pid or 0, signal.SIGSTOP), decoder, long_file, impatient)
    assert until(lambda: not _children(decoder))


def test_a_killed_host_is_not_the_files_fault_and_comes_back(limits: DecodeLimits, long_file: Path) -> None:
    with Decoder() as decoder:
        decoder.start()
        first, children = decoder.host_pid, []

        def kill_the_host(stream: DecodedStream) -> None:
            children.append(stream.child_pid or 0)
            os.kill(first or 0, signal.SIGKILL)
            assert until(lambda: is_gone(first or 0))  # its child dies with it, and would have the time to finish

        with pytest.raises(DecoderLost, match=r"my voice\.wav") as caught:
            _decode_but_first(kill_the_host, decoder, long_file, limits)
        assert caught.value.retryable
        assert until(lambda: is_gone(children[0]))
        assert _decode_but_first(lambda _stream: None, decoder, long_file, limits) == 60 * 48_000
        assert decoder.host_pid != first


def test_a_host_that_died_between_files_is_replaced_unnoticed(limits: DecodeLimits, long_file: Path) -> None:
    with Decoder() as decoder:
        decoder.start()
        assert decoder.host_pid is not None
        os.kill(decoder.host_pid, signal.SIGKILL)
        with decoder.decode(long_file, filename="long.wav", limits=limits) as stream:
            assert stream.info.rate_hz == 48_000


def test_threads_share_one_host(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{index}.flac", white_noise(2.0 + index, 16_000), 16_000) for index in range(8)]
    everyone_reads = threading.Barrier(len(paths), timeout=30)

    def length(path: Path) -> int:
        with decoder.decode(path, filename=path.name, limits=limits) as stream:
            everyone_reads.wait()
            return sum(block.shape[1] for block in stream)

    with ThreadPoolExecutor(len(paths)) as threads:
        assert list(threads.map(length, paths)) == [(2 + index) * 16_000 for index in range(8)]


def test_threads_restart_a_killed_host_once_each_at_the_most(limits: DecodeLimits, tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", white_noise(2.0, 16_000), 16_000)
    with Decoder() as decoder:
        decoder.start()
        assert decoder.host_pid is not None
        os.kill(decoder.host_pid, signal.SIGKILL)

        def length(_: int) -> int:
            with decoder.decode(path, filename="a.flac", limits=limits) as stream:
                return sum(block.shape[1] for block in stream)

        with ThreadPoolExecutor(6) as threads:
            assert list(threads.map(length, range(6))) == [32_000] * 6
        assert len([child for child in psutil.Process().children() if _is_host(child)]) <= 2  # ours, and the session's


def _is_host(process: psutil.Process) -> bool:
    try:
        return "worker.audio.files.decoder_host" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def test_no_descriptor_is_left_behind(decoder: Decoder, limits: DecodeLimits, tmp_path: Path, long_file: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("not sound at all")
    with decoder.decode(long_file, filename="a", limits=limits):
        pass
    before = _open_descriptors()
    for _ in range(5):
        with decoder.decode(long_file, filename="a", limits=limits) as stream:
            next(iter(stream))
        with pytest.raises(AudioUnreadable), decoder.decode(text, filename="b", limits=limits):
            pass
        with pytest.raises(SourceMissing), decoder.decode(tmp_path / "gone", filename="c", limits=limits):
            pass
    assert _open_descriptors() == before
    assert decoder.host_pid is not None
    assert psutil.Process(decoder.host_pid).num_fds() < 20


def test_a_file_that_is_gone_is_named(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    with (
        pytest.raises(SourceMissing, match=r"voice\.wav is not where it was stored"),
        decoder.decode(tmp_path / "x", filename="voice.wav", limits=limits),
    ):
        pass


def test_what_is_no_regular_file_is_refused(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    for path in (tmp_path, tmp_path / "fifo.wav"):
        with pytest.raises(AudioUnreadable, match="not a file"), decoder.decode(path, filename="x", limits=limits):
            pass


def test_a_closed_decoder_decodes_no_more(limits: DecodeLimits, long_file: Path) -> None:
    decoder = Decoder()
    decoder.start()
    host_pid = decoder.host_pid
    decoder.close()
    assert host_pid is not None
    assert is_gone(host_pid)
    with pytest.raises(DecoderLost, match="closed"), decoder.decode(long_file, filename="x", limits=limits):
        pass


WORKER = """
import sys, time
from pathlib import Path
from worker.audio.files.decoder import Decoder
from worker.audio.files.stream import DecodedStream
from worker.audio.files.wire import DecodeLimits

decoder = Decoder()
with decoder.decode(Path(sys.argv[1]), filename="long.wav", limits=DecodeLimits(600.0, 2**29)) as stream:
    print(decoder.host_pid, stream.child_pid, flush=True)
    time.sleep(60)  # never runs out: the test kills it
"""


def test_a_worker_killed_outright_leaves_no_process(long_file: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER, str(long_file)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        host_pid, child_pid = (int(word) for word in worker.stdout.readline().split())
        assert not is_gone(host_pid)
        assert not is_gone(child_pid)
        worker.kill()
        assert until(lambda: is_gone(host_pid) and is_gone(child_pid))


def test_a_short_file_needs_no_reader_to_end_its_child(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    path = write(tmp_path / "short.wav", tone(0.1, 8_000), 8_000)
    with decoder.decode(path, filename="short.wav", limits=limits):
        assert until(lambda: not _children(decoder))
