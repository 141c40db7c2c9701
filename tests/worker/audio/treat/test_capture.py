from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from shared.errors import AudioUnreadable
from tests.worker.audio.signals import tone, white_noise, write
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.measure.downmix import Mix
from worker.audio.scratch import Mono, Scratch
from worker.audio.tracks import Span
from worker.audio.treat.capture import LEAD_S, Capture, capture

PLAIN = Mix(None, 0.0)
WHOLE = Span(0.0, 3.0)


@dataclass
class Captor:
    """Captures into one scratch file, and remembers what was reported."""

    decoder: Decoder
    limits: DecodeLimits
    folder: Path
    fractions: list[float] = field(default_factory=list)

    def __call__(self, path: Path, rate_hz: int, *, mix: Mix = PLAIN, span: Span = WHOLE) -> tuple[Mono, int]:
        """Return what was captured, and where it begins."""
        with capture(
            self.decoder,
            path,
            filename=path.name,
            mix=mix,
            rate_hz=rate_hz,
            span=span,
            limits=self.limits,
            scratch_path=self.folder / "scratch.f32",
            report=self.fractions.append,
        ) as captured:
            return captured.scratch.read(0, captured.scratch.frames), captured.first


@pytest.fixture
def captor(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> Captor:
    return Captor(decoder, limits, tmp_path)


def test_a_recording_is_kept_as_it_is_at_its_own_rate(captor: Captor, tmp_path: Path) -> None:
    sound = tone(3.0, 24_000)
    captured, first = captor(write(tmp_path / "a.wav", sound, 24_000, subtype="FLOAT"), 24_000)
    assert first == 0
    assert np.array_equal(captured, sound)
    assert captor.fractions == sorted(captor.fractions)
    assert 0 < captor.fractions[-1] <= 1


@pytest.mark.parametrize("rate_hz", [44_100, 24_000, 16_000])
def test_resampling_keeps_length_level_and_place(captor: Captor, tmp_path: Path, rate_hz: int) -> None:
    path = write(tmp_path / "a.wav", tone(3.0, 48_000, channels=2), 48_000, subtype="FLOAT")
    captured, _first = captor(path, rate_hz)
    assert captured.shape == (1, 3 * rate_hz)
    middle = slice(rate_hz, 2 * rate_hz)
    assert np.abs(captured[:, middle] - tone(3.0, rate_hz)[:, middle]).max() < 1e-3


def test_the_mix_is_applied(captor: Captor, tmp_path: Path) -> None:
    sound = tone(3.0, 16_000, channels=2, amplitude=0.3)
    sound[0] = -sound[1]
    path = write(tmp_path / "a.wav", sound + np.float32(0.1), 16_000, subtype="FLOAT")
    captured, _first = captor(path, 16_000, mix=Mix(1, 0.1))
    assert np.allclose(captured[0], sound[1], atol=1e-6)


@pytest.mark.parametrize("rate_hz", [16_000, 8_000])
def test_only_what_is_needed_is_kept_with_some_sound_around_it(captor: Captor, tmp_path: Path, rate_hz: int) -> None:
    sound = white_noise(30.0, 16_000)
    path = write(tmp_path / "a.wav", sound, 16_000, subtype="FLOAT")
    captured, first = captor(path, rate_hz, span=Span(10.0, 12.0))
    assert first == (10.0 - LEAD_S) * rate_hz
    assert captured.shape[1] == (2.0 + 2 * LEAD_S) * rate_hz
    if rate_hz == 16_000:
        assert np.array_equal(captured, sound[:, first : first + captured.shape[1]])


def test_what_comes_after_it_is_not_decoded(captor: Captor, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", white_noise(60.0, 16_000), 16_000)
    captor(path, 16_000, span=Span(1.0, 2.0))
    assert len(captor.fractions) <= 6  # a report a block, a block a second


def test_a_stretch_is_found_in_what_was_captured(tmp_path: Path) -> None:
    with Scratch(tmp_path / "scratch", 1_000) as scratch:
        scratch.append(np.zeros((1, 5_000), np.float32))
        captured = Capture(scratch, 2_000)
        assert captured.place(Span(3.0, 4.5)) == (1_000, 2_500)
        assert captured.place(Span(1.0, 9.0)) == (0, 5_000)
        assert captured.place(Span(2.0004, 2.0006)) == (0, 1)


def test_a_recording_that_ends_earlier_than_its_stretch_is_kept_to_its_end(captor: Captor, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(2.0, 16_000), 16_000)
    captured, _first = captor(path, 16_000, span=Span(1.0, 50.0))
    assert captured.shape == (1, 32_000)


def test_what_cannot_be_decoded_is_named(captor: Captor, tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_text("hello")
    with pytest.raises(AudioUnreadable, match=r"voice\.wav"):
        captor(tmp_path / "voice.wav", 16_000)
