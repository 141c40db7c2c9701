import gc
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import clean_speech, in_noise, spoken, white_noise
from worker.audio.decibels import power_to_db
from worker.audio.treat import rnnoise

_needs_library = pytest.mark.skipif(not rnnoise.is_available(), reason="no pyrnnoise wheel for this system")


def _create() -> rnnoise.RNNoise:
    network = rnnoise.create()
    assert network is not None
    return network


@_needs_library
def test_noise_goes_and_a_voice_stays() -> None:
    voice = spoken(3.0, rnnoise.RATE_HZ)
    noisy = in_noise(voice, 15.0)[0]
    noise = white_noise(3.0, rnnoise.RATE_HZ, rms=0.02)[0]
    late, settled = rnnoise.delay_frames(), slice(rnnoise.RATE_HZ, None)
    quiet = _create().process(noise)[settled]
    assert power_to_db(float(np.square(quiet).mean() / np.square(noise[settled]).mean())) < -20.0
    answer = _create().process(noisy)[late:]
    voiced = voice[0, : -late or None]
    assert np.corrcoef(answer[settled], voiced[settled])[0, 1] > 0.8


@_needs_library
def test_the_delay_is_measured_and_is_twenty_milliseconds() -> None:
    assert rnnoise.delay_frames() == 960


@_needs_library
def test_pieces_give_what_the_whole_gives() -> None:
    sound = spoken(1.0, rnnoise.RATE_HZ)[0]
    pieces = _create()
    several = [pieces.process(sound[start : start + 4_800]) for start in range(0, sound.size, 4_800)]
    assert np.array_equal(np.concatenate(several), _create().process(sound))


@_needs_library
def test_what_is_given_is_not_written_to() -> None:
    sound = white_noise(0.1, rnnoise.RATE_HZ)[0]
    before = sound.copy()
    _create().process(sound)
    assert np.array_equal(sound, before)


@_needs_library
@pytest.mark.parametrize("length", [1, 479, 481])
def test_part_of_a_frame_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="whole frames of 480"):
        _create().process(np.zeros(length, np.float32))


@_needs_library
def test_no_frames_are_no_samples() -> None:
    assert _create().process(np.zeros(0, np.float32)).size == 0


@_needs_library
def test_a_sample_that_is_no_number_does_not_last() -> None:
    network = _create()
    broken = white_noise(0.1, rnnoise.RATE_HZ)[0]
    broken[[5, 500, 1_000]] = np.nan, np.inf, -np.inf
    assert np.isfinite(network.process(broken)).all()
    assert np.isfinite(network.process(white_noise(0.1, rnnoise.RATE_HZ)[0])).all()


@_needs_library
@pytest.mark.parametrize("level", [0.0, 1e-30, 1.0, 8.0])
def test_silence_and_full_scale_give_finite_samples(level: float) -> None:
    square = np.resize(np.repeat(np.array([level, -level], np.float32), 50), 48_000).astype(np.float32)
    assert np.isfinite(_create().process(square)).all()


@_needs_library
def test_a_closed_one_is_refused_and_closing_twice_does_nothing() -> None:
    network = _create()
    network.close()
    network.close()
    with pytest.raises(ValueError, match="closed"):
        network.process(np.zeros(480, np.float32))


@_needs_library
def test_the_state_is_given_back_once_when_the_object_goes() -> None:
    freed: list[int] = []

    class Library:
        rnnoise_process_frame = staticmethod(lambda *_arguments: 0.0)
        rnnoise_create = staticmethod(lambda _model: 4_711)
        rnnoise_destroy = staticmethod(freed.append)

    network = rnnoise.RNNoise(Library())  # type: ignore[arg-type]
    network.close()
    del network
    gc.collect()
    assert freed == [4_711]


def test_no_memory_for_a_state_is_said() -> None:
    class Library:
        rnnoise_process_frame = rnnoise_destroy = staticmethod(lambda *_arguments: None)
        rnnoise_create = staticmethod(lambda _model: None)

    with pytest.raises(MemoryError):
        rnnoise.RNNoise(Library())  # type: ignore[arg-type]


def test_a_missing_file_another_library_and_rubbish_are_no_denoiser(tmp_path: Path) -> None:
    assert rnnoise.load(tmp_path / "librnnoise.so") is None
    rubbish = tmp_path / "rubbish.so"
    rubbish.write_bytes(b"\x7fELF" + b"\0" * 100)
    assert rnnoise.load(rubbish) is None
    other = next(iter(Path(np.__file__).parent.rglob("*.so")))
    assert rnnoise.load(other) is None


def test_without_the_wheel_there_is_no_denoiser() -> None:
    code = (
        "import importlib.util as util, sys\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'pyrnnoise' else find(name, *more)\n"
        "from worker.audio.treat import rnnoise\n"
        "sys.exit(rnnoise.is_available() or rnnoise.create() is not None)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_wheels_python_half_is_never_imported() -> None:
    code = (
        "import sys; from worker.audio.treat import rnnoise; rnnoise.create();"
        "sys.exit(any(name in sys.modules for name in ('pyrnnoise', 'matplotlib', 'audiolab')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@_needs_library
def test_threads_with_a_network_each_do_not_meet() -> None:
    sound = in_noise(clean_speech()[0], 10.0)[0, :48_000]
    expected = _create().process(sound)
    found: list[bool] = []

    def listen() -> None:
        found.append(bool(np.array_equal(_create().process(sound), expected)))

    threads = [threading.Thread(target=listen) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4
