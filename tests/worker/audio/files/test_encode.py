from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.worker.audio.signals import tone
from worker.audio.files.encode import Container, encode, frames_that_fit


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_what_is_written_is_16_bit_mono(tmp_path: Path, container: Container) -> None:
    sound = tone(1.5, 24_000)
    path = tmp_path / f"a.{container}"
    encode([sound[:, :10_000], sound[:, 10_000:]], path, container=container, rate_hz=24_000)
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.channels, info.samplerate) == (container.upper(), "PCM_16", 1, 24_000)
    assert np.abs(soundfile.read(path)[0] - sound[0]).max() < 1e-4


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_the_same_samples_give_the_same_bytes_however_they_are_cut(tmp_path: Path, container: Container) -> None:
    sound = tone(1.0, 24_000)
    encode([sound], tmp_path / "1", container=container, rate_hz=24_000)
    encode([sound[:, :99], sound[:, 99:]], tmp_path / "2", container=container, rate_hz=24_000)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_wav_of_the_frames_that_fit_has_at_most_that_size(tmp_path: Path) -> None:
    frames = frames_that_fit(10_001)
    encode([np.zeros((1, frames), np.float32)], tmp_path / "a.wav", container="wav", rate_hz=24_000)
    assert (tmp_path / "a.wav").stat().st_size in (10_000, 10_001)
    assert frames_that_fit(10) == 0
