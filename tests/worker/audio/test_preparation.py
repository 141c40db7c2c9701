import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyloudnorm
import pytest
import soundfile

from tests.processes import until
from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence, spoken, write
from worker.audio.decibels import power_to_db
from worker.audio.decoder import Decoder
from worker.audio.inspection import inspect
from worker.audio.preparation import Prepared, TargetFormat, TreatmentWish, prepare
from worker.audio.wire import DecodeLimits

Prepare = Callable[..., Prepared]


@pytest.fixture
def make(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> Prepare:
    """Write a sound as voice.wav, inspect it, and prepare it into the folder `out`."""

    def prepared(
        sound: Samples,
        rate_hz: int,
        wish: TreatmentWish | None = None,
        target: TargetFormat | None = None,
        progress: Callable[[float], None] = lambda _fraction: None,
    ) -> Prepared:
        path = write(tmp_path / "voice.wav", sound, rate_hz, subtype="FLOAT")
        found = inspect(decoder, path, filename="voice.wav", limits=limits, progress=lambda _fraction: None)
        (tmp_path / "out").mkdir(exist_ok=True)
        return prepare(
            decoder,
            path,
            filename="voice.wav",
            inspection=found,
            wish=wish or TreatmentWish(),
            target=target or TargetFormat(),
            limits=limits,
            folder=tmp_path / "out",
            progress=progress,
        )

    return prepared


@pytest.fixture
def noisy() -> tuple[Samples, int]:
    speech, rate_hz = clean_speech()
    sound = np.concatenate((silence(1.5, rate_hz), speech, silence(1.5, rate_hz)), axis=1)
    return in_noise(0.3 * sound, 14.0), rate_hz


def _names(prepared: Prepared) -> list[str]:
    return [treatment.name for treatment in prepared.recipe.treatments]


def _read(prepared: Prepared) -> Samples:
    samples, rate_hz = soundfile.read(prepared.path, dtype="float32", always_2d=True)
    assert rate_hz == prepared.rate_hz
    return np.asarray(samples.T)


def test_a_noisy_recording_is_trimmed_gated_and_brought_to_loudness(make: Prepare, noisy: tuple[Samples, int]) -> None:
    prepared = make(*noisy)
    assert _names(prepared) == ["mono", "trim", "gate", "gain", "encode"]
    assert 4.0 < prepared.duration_s < 5.2
    assert prepared.snr_before_db is not None
    assert prepared.snr_after_db is not None
    assert prepared.snr_after_db > prepared.snr_before_db + 2
    sound = _read(prepared)
    loudness_lufs = pyloudnorm.Meter(prepared.rate_hz).integrated_loudness(sound[0].astype(np.float64))
    assert prepared.loudness_lufs == pytest.approx(loudness_lufs, abs=0.2)
    assert -25.0 < loudness_lufs <= -19.9
    assert np.abs(sound).max() <= 10 ** (-3.0 / 20)


def test_the_facts_about_the_file_are_true(make: Prepare, noisy: tuple[Samples, int], tmp_path: Path) -> None:
    prepared = make(*noisy, target=TargetFormat("flac"))
    content = prepared.path.read_bytes()
    info = soundfile.info(prepared.path)
    assert prepared.sha256 == hashlib.sha256(content).hexdigest()
    assert prepared.size_bytes == len(content)
    assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_16", 1)
    assert info.duration == pytest.approx(prepared.duration_s)
    assert list((tmp_path / "out").iterdir()) == [prepared.path]


def test_the_same_input_gives_the_same_bytes(make: Prepare, noisy: tuple[Samples, int]) -> None:
    first = make(*noisy)
    assert make(*noisy) == first


def test_what_was_done_can_be_stored(make: Prepare, noisy: tuple[Samples, int]) -> None:
    prepared = make(*noisy)
    stored = json.loads(json.dumps(prepared.to_json(), allow_nan=False))
    assert Prepared.from_json(stored, prepared.path) == prepared


def test_clean_speech_is_not_gated_unless_it_is_wished(make: Prepare) -> None:
    speech, rate_hz = clean_speech()
    assert "gate" not in _names(make(speech, rate_hz))
    assert "gate" in _names(make(speech, rate_hz, TreatmentWish(denoise="on")))


def test_noise_stays_where_no_treatment_is_wished(make: Prepare, noisy: tuple[Samples, int]) -> None:
    sound, rate_hz = noisy
    prepared = make(sound, rate_hz, TreatmentWish(denoise="off", trim="off"))
    assert _names(prepared) == ["mono", "gain", "encode"]
    assert prepared.duration_s == pytest.approx(sound.shape[1] / rate_hz)
    assert prepared.snr_after_db == prepared.snr_before_db
    kept = _read(prepared)
    assert np.corrcoef(kept[0], sound[0])[0, 1] > 0.9999


@pytest.mark.parametrize(
    ("rate_hz", "max_rate_hz", "expected_hz"),
    [(48_000, 24_000, 24_000), (22_050, 24_000, 22_050), (16_000, None, 16_000), (96_000, None, 48_000)],
)
def test_rates_only_go_down(make: Prepare, rate_hz: int, max_rate_hz: int | None, expected_hz: int) -> None:
    prepared = make(spoken(3.0, rate_hz), rate_hz, target=TargetFormat("wav", max_rate_hz))
    assert prepared.rate_hz == expected_hz
    assert ("resample" in _names(prepared)) == (rate_hz != expected_hz)


def test_anti_phase_stereo_keeps_its_voice(make: Prepare) -> None:
    speech, rate_hz = clean_speech()
    prepared = make(np.concatenate((speech, -speech)), rate_hz)
    assert prepared.recipe.treatments[0].settings == {"method": "channel", "channel": 0}
    assert power_to_db(float(np.square(_read(prepared)).mean())) > -26


def test_an_offset_is_removed(make: Prepare) -> None:
    speech, rate_hz = clean_speech()
    assert abs(_read(make(0.2 * speech + 0.6, rate_hz)).mean()) < 1e-3


def test_the_engines_length_is_kept_with_the_most_speech(make: Prepare) -> None:
    speech, rate_hz = clean_speech()
    sound = np.concatenate(
        (silence(6.0, rate_hz), speech, silence(0.4, rate_hz), speech, silence(6.0, rate_hz)), axis=1
    )
    sound[:, :100] = speech[:, 20_000:20_100]
    prepared = make(in_noise(sound, 30.0), rate_hz, TreatmentWish(trim="off"), TargetFormat(max_duration_s=6.0))
    assert 4.0 < prepared.duration_s <= 6.0
    (window,) = [treatment for treatment in prepared.recipe.treatments if treatment.name == "window"]
    assert float(window.measured["start_s"] or 0) > 5.0
    assert abs(float(_read(prepared)[0, 0])) < 1e-4


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_the_engines_size_is_kept(make: Prepare, container: str) -> None:
    sound = in_noise(spoken(20.0, 24_000), 20.0)
    prepared = make(sound, 24_000, target=TargetFormat(container, max_size_bytes=200_000))  # type: ignore[arg-type]
    assert prepared.size_bytes <= 200_000
    assert prepared.size_bytes > 140_000
    assert prepared.path.stat().st_size == prepared.size_bytes


def test_progress_grows_from_nothing_to_all(make: Prepare, noisy: tuple[Samples, int]) -> None:
    seen: list[float] = []
    make(*noisy, target=TargetFormat("flac", max_size_bytes=100_000), progress=seen.append)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("lost_at", [0.0, 0.3, 0.7, 0.95, 1.0])
def test_a_lost_claim_ends_the_work_and_leaves_nothing(
    make: Prepare, decoder: Decoder, noisy: tuple[Samples, int], tmp_path: Path, lost_at: float
) -> None:
    def refuse(fraction: float) -> None:
        if fraction >= lost_at:
            raise LookupError("claim lost")

    make(*noisy).path.unlink()
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(LookupError):
        make(*noisy, progress=refuse)
    assert len(os.listdir("/dev/fd")) == before
    assert not [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert until(lambda: not psutil.Process(decoder.host_pid).children())


MEMORY = """
import sys
from pathlib import Path
from worker.audio.decoder import Decoder
from worker.audio.inspection import inspect
from worker.audio.preparation import TargetFormat, TreatmentWish, prepare
from worker.audio.wire import DecodeLimits

path, limits = Path(sys.argv[1]), DecodeLimits(3600.0, 2**29)
with Decoder() as decoder:
    found = inspect(decoder, path, filename="a", limits=limits, progress=lambda _: None)
    prepare(decoder, path, filename="a", inspection=found, wish=TreatmentWish(denoise="on"),
            target=TargetFormat("flac"), limits=limits, folder=path.parent, progress=lambda _: None)
status = Path("/proc/self/status").read_text()  # ru_maxrss would begin with the peak of the process that forked us
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    peaks: list[int] = []
    minute = in_noise(spoken(60.0, 8_000), 15.0)
    for minutes in (1, 10):
        path = tmp_path / f"{minutes}.wav"
        write(path, np.tile(minute, (2, minutes)), 8_000)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True, timeout=120
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0], peaks
