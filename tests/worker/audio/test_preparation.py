import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyloudnorm
import pytest
import soundfile
import soxr

from shared.errors import SourceMissing
from tests.processes import until
from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence, spoken, write
from tests.worker.audio.studio import Studio, joined, sent
from worker.audio.choose.phrases import PAD_AFTER_S, PAD_BEFORE_S
from worker.audio.choose.planning import Target
from worker.audio.decibels import db_to_amplitude
from worker.audio.treat.composition import FADE_S
from worker.audio.treat.prepared import Prepared, Wish

LSB = 1 / 32767


@pytest.fixture(scope="module")
def noisy() -> tuple[Samples, int]:
    speech, rate_hz = clean_speech()
    return in_noise(0.3 * joined(silence(1.5, rate_hz), speech, silence(1.5, rate_hz)), 14.0), rate_hz


def _levels(made: Prepared) -> tuple[float, float]:
    """Loudness and true peak, measured by others."""
    sound = sent(made)[0].astype(np.float64)
    fine = soxr.resample(np.pad(sound, 1_000), made.rate_hz, 8 * made.rate_hz)
    return pyloudnorm.Meter(made.rate_hz).integrated_loudness(sound), 20 * np.log10(np.abs(fine).max())


def test_a_noisy_recording_is_trimmed_denoised_and_brought_to_loudness(
    studio: Studio, noisy: tuple[Samples, int]
) -> None:
    made = studio.make(*noisy)
    assert 4.0 < made.duration_s < 5.2
    assert made.recipe.parts[0].denoise in {"mask", "gate"}
    assert made.notes[0].denoise == made.recipe.parts[0].denoise
    assert made.notes[0].reason.startswith("Noise was removed")
    assert made.before.snr_db == pytest.approx(14.0, abs=3.0)
    assert made.after.snr_db is not None
    assert made.after.snr_db > 18.0


@pytest.mark.parametrize("gain", [0.05, 0.4, 1.0])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_what_is_sent_has_the_loudness_or_the_peak_that_was_promised(studio: Studio, gain: float, rate_hz: int) -> None:
    made = studio.make(gain * spoken(6.0, rate_hz), rate_hz)
    loudness_lufs, true_peak_dbtp = _levels(made)
    assert made.after.loudness_lufs == pytest.approx(loudness_lufs, abs=0.1)
    assert made.after.true_peak_dbtp == pytest.approx(true_peak_dbtp, abs=0.3)
    assert loudness_lufs < -19.9
    assert true_peak_dbtp < -2.7
    assert loudness_lufs > -20.1 or true_peak_dbtp > -3.2


def test_a_quiet_peak_lets_the_loudness_decide(studio: Studio) -> None:
    rate_hz = 16_000
    made = studio.make(np.clip(spoken(8.0, rate_hz), -0.35, 0.35) * 0.1, rate_hz)
    assert _levels(made)[0] == pytest.approx(-20.0, abs=0.1)


def test_clean_speech_goes_out_sample_for_sample(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    sound = joined(silence(1.0, rate_hz), speech, silence(0.3, rate_hz), speech, silence(1.0, rate_hz))
    made = studio.make(sound, rate_hz)
    (cut,) = made.recipe.cuts
    assert (made.recipe.parts[0].denoise, made.rate_hz) == ("none", rate_hz)
    first, past = round(cut.span.start_s * rate_hz), round(cut.span.end_s * rate_hz)
    gain = db_to_amplitude(made.recipe.gain_db)
    undone = sent(made)[0] * 32768 / 32767 / gain
    original = sound[0, first:past] - made.recipe.parts[0].mix.offset
    assert undone.size == original.size
    inner = slice(round(FADE_S * rate_hz), -round(FADE_S * rate_hz))
    assert np.abs(undone[inner] - original[inner]).max() <= LSB / gain


def test_cuts_are_where_the_voice_begins_and_ends(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    loud = np.flatnonzero(np.abs(speech[0]) > 0.01)
    before_s, after_s = 2.345, 1.5
    made = studio.make(joined(silence(before_s, rate_hz), speech, silence(after_s, rate_hz)), rate_hz)
    span = made.recipe.cuts[0].span
    assert span.start_s + PAD_BEFORE_S == pytest.approx(before_s + loud[0] / rate_hz, abs=0.02)
    # The last sound dies away: it ends some time after its last loud sample, and within its file.
    assert before_s + loud[-1] / rate_hz - 0.02 < span.end_s - PAD_AFTER_S
    assert span.end_s - PAD_AFTER_S < before_s + speech.shape[1] / rate_hz + 0.02


def test_speech_from_the_first_sample_to_the_last_loses_nothing(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    middle = speech[:, round(0.5 * rate_hz) : round(3.5 * rate_hz)]
    made = studio.make(middle, rate_hz)
    assert made.recipe.cuts[0].span.start_s == 0.0
    assert made.duration_s == pytest.approx(3.0, abs=0.01)
    gain = db_to_amplitude(made.recipe.gain_db)
    offset = made.recipe.parts[0].mix.offset
    assert sent(made)[0, :100] / gain + offset == pytest.approx(middle[0, :100], abs=2 * LSB / gain)


def test_the_facts_about_the_file_are_true(studio: Studio, noisy: tuple[Samples, int]) -> None:
    made = studio.make(*noisy, target=Target("flac"))
    content, info = made.path.read_bytes(), soundfile.info(made.path)
    assert made.sha256 == hashlib.sha256(content).hexdigest()
    assert made.path.name == f"{made.sha256[:32]}.flac"
    assert made.size_bytes == len(content)
    assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_16", 1)
    assert info.frames == round(made.duration_s * made.rate_hz)
    assert made.after.duration_s == made.duration_s
    assert list(studio.out.iterdir()) == [made.path]
    assert made.peaks is not None


def test_the_measures_after_are_those_of_the_file(studio: Studio, noisy: tuple[Samples, int]) -> None:
    made = studio.make(*noisy)
    again = studio.inspect(made.path).inspection.measures
    assert again.loudness_lufs == pytest.approx(made.after.loudness_lufs, abs=0.1)
    assert again.true_peak_dbtp == pytest.approx(made.after.true_peak_dbtp, abs=0.1)
    assert again.snr_db == pytest.approx(made.after.snr_db, abs=3.0)
    assert again.speech_s == pytest.approx(made.after.speech_s, abs=0.2)
    assert again.duration_s == pytest.approx(made.after.duration_s, abs=1e-3)


def test_the_same_input_gives_the_same_bytes(studio: Studio, noisy: tuple[Samples, int]) -> None:
    source = studio.source(*noisy)
    assert studio.prepare(source) == studio.prepare(source)


def test_the_recordings_are_only_read(studio: Studio, noisy: tuple[Samples, int]) -> None:
    source = studio.source(*noisy)
    studio.prepare(source)
    assert hashlib.sha256(source.path.read_bytes()).hexdigest() == source.sha256
    assert sorted(path.name for path in studio.folder.iterdir()) == ["out", "voice.wav"]


def test_preparing_what_was_prepared_changes_next_to_nothing(studio: Studio, noisy: tuple[Samples, int]) -> None:
    speech, rate_hz = clean_speech()
    for sound in (noisy[0], joined(silence(1.0, rate_hz), speech, silence(2.0, rate_hz), speech)):
        first = studio.make(sound, rate_hz)
        (second,) = studio.prepare(studio.uploaded(first.path))
        assert second.duration_s == pytest.approx(first.duration_s, abs=0.05)
        assert second.recipe.gain_db == pytest.approx(0.0, abs=0.2)
        assert second.recipe.parts[0].denoise == "none"
        assert second.rate_hz == first.rate_hz


def test_noise_and_ends_stay_where_no_treatment_is_wished(studio: Studio, noisy: tuple[Samples, int]) -> None:
    sound, rate_hz = noisy
    made = studio.make(sound, rate_hz, wish=Wish(denoise="off", trim="off"))
    assert made.duration_s == pytest.approx(sound.shape[1] / rate_hz)
    assert made.recipe.parts[0].denoise == "none"
    assert made.notes[0].tried is None
    assert made.after.snr_db == made.before.snr_db
    assert np.corrcoef(sent(made)[0], sound[0])[0, 1] > 0.9999


def test_a_wish_for_denoising_is_tried_on_clean_speech_too(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    note = studio.make(speech, rate_hz, wish=Wish(denoise="on")).notes[0]
    assert note.tried is not None
    assert note.reason


@pytest.mark.parametrize(
    ("rate_hz", "max_rate_hz", "expected_hz"),
    [(48_000, 24_000, 24_000), (22_050, 24_000, 22_050), (16_000, None, 16_000), (96_000, None, 48_000)],
)
def test_rates_only_go_down(studio: Studio, rate_hz: int, max_rate_hz: int | None, expected_hz: int) -> None:
    made = studio.make(spoken(3.0, rate_hz), rate_hz, target=Target("wav", max_rate_hz))
    assert made.rate_hz == made.recipe.rate_hz == expected_hz
    assert soundfile.info(made.path).samplerate == expected_hz


@pytest.mark.parametrize(("left", "right"), [(1.0, -1.0), (0.0, 1.0), (1.0, 1.0)])
def test_stereo_keeps_its_voice(studio: Studio, left: float, right: float) -> None:
    speech, rate_hz = clean_speech()
    made = studio.make(np.concatenate((left * speech, right * speech)), rate_hz)
    mono = studio.make(speech, rate_hz)
    assert sent(made) == pytest.approx(sent(mono), abs=2 * LSB)


def test_an_offset_is_removed(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    assert abs(sent(studio.make(0.2 * speech + np.float32(0.6), rate_hz)).mean()) < 1e-3


def test_an_engine_without_limits_gets_a_file_for_each_recording(studio: Studio) -> None:
    sources = [studio.source(gain * spoken(5.0, 16_000), 16_000, f"v{gain}") for gain in (1.0, 0.3, 0.1)]
    files = studio.prepare(*sources)
    assert [[part.source for part in made.recipe.parts] for made in files] == [[source.id] for source in sources]
    assert [made.notes[0].source for made in files] == [source.id for source in sources]


def test_recordings_that_are_joined_are_equally_loud(studio: Studio) -> None:
    sources = [studio.source(gain * spoken(5.0, 16_000), 16_000, f"v{gain}") for gain in (1.0, 0.2)]
    (made,) = studio.prepare(*sources, target=Target(max_files=1))
    assert [part.source for part in made.recipe.parts] == [source.id for source in sources]
    first = round(made.recipe.cuts[0].span.duration_s * made.rate_hz)
    meter, sound = pyloudnorm.Meter(16_000), sent(made)[0].astype(np.float64)
    assert meter.integrated_loudness(sound[:first]) == pytest.approx(meter.integrated_loudness(sound[first:]), abs=0.2)


def test_an_engine_of_ten_seconds_gets_one_clean_stretch(studio: Studio) -> None:
    rate_hz, gap = 16_000, silence(0.4, 16_000)
    clean = joined(*[joined(spoken(2.5, rate_hz), gap)] * 5)
    sound = joined(in_noise(spoken(15.0, rate_hz), 8.0), gap, clean, in_noise(spoken(15.0, rate_hz), 8.0))
    made = studio.make(sound, rate_hz, target=Target(best_s=10.0, max_files=1))
    (cut,) = made.recipe.cuts
    assert 7.0 <= made.duration_s <= 13.0
    assert 15.0 <= cut.span.start_s < cut.span.end_s <= 15.4 + clean.shape[1] / rate_hz + 0.1


@pytest.mark.parametrize("container", ["wav", "flac"])
def test_the_engines_size_is_kept(studio: Studio, container: str) -> None:
    source = studio.source(in_noise(spoken(20.0, 24_000), 20.0), 24_000)
    target = Target(container, max_file_bytes=200_000)  # type: ignore[arg-type]
    files = studio.prepare(source, target=target)
    assert len(files) > 3
    for made in files:
        assert made.path.stat().st_size == made.size_bytes <= 200_000
    assert sum(made.duration_s for made in files) == pytest.approx(20.0, abs=0.5)


def test_progress_grows_from_nothing_to_all(studio: Studio, noisy: tuple[Samples, int]) -> None:
    seen: list[float] = []
    studio.prepare(studio.source(*noisy), target=Target("flac", max_file_s=2.0), progress=seen.append)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(set(seen))
    assert len(seen) > 10


@pytest.mark.parametrize("lost_at", [0.0, 0.3, 0.7, 0.95, 1.0])
def test_progress_that_raises_ends_the_work_and_leaves_nothing(
    studio: Studio, noisy: tuple[Samples, int], lost_at: float
) -> None:
    def refuse(fraction: float) -> None:
        if fraction >= lost_at:
            raise LookupError("claim lost")

    source = studio.source(*noisy)
    studio.prepare(source)[0].path.unlink()
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(LookupError):
        studio.prepare(source, progress=refuse)
    assert len(os.listdir("/dev/fd")) == before
    assert not [path for path in studio.out.iterdir() if path.is_dir()]
    assert until(lambda: not psutil.Process(studio.decoder.host_pid).children())


def test_a_recording_that_is_gone_is_named(studio: Studio, noisy: tuple[Samples, int]) -> None:
    source = studio.source(*noisy)
    with pytest.raises(SourceMissing, match=r"voice\.wav is not where it was stored"):
        studio.prepare(replace(source, path=Path("/nowhere/voice.wav")))


MEMORY = """
import sys
from pathlib import Path
from worker.audio.files.decoder import Decoder
from worker.audio.inspector import inspect
from worker.audio.preparation import Source, Target, Wish, prepare
from worker.audio.files.wire import DecodeLimits

path, limits, nobody = Path(sys.argv[1]), DecodeLimits(3600.0, 2**29), lambda _: None
with Decoder() as decoder:
    found = inspect(decoder, path, filename="a", limits=limits, progress=nobody)
    prepare(decoder, [Source("smp_1", "a", path, "0" * 64, found)], target=Target("flac"),
            wish=Wish(), limits=limits, folder=path.parent, progress=nobody)
status = Path("/proc/self/status").read_text()  # ru_maxrss would begin with the peak of the process that forked us
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_memory_grows_by_the_moments_only(tmp_path: Path) -> None:
    peaks_kib: list[int] = []
    minute = in_noise(spoken(60.0, 8_000), 20.0)
    for minutes in (1, 3):
        path = write(tmp_path / f"{minutes}.wav", np.tile(minute, (2, minutes)), 8_000)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True, timeout=300
        )
        peaks_kib.append(int(done.stdout))
    assert peaks_kib[1] < 1.1 * peaks_kib[0], peaks_kib
