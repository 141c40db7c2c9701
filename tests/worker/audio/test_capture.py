from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import tone, write
from worker.audio.capture import capture
from worker.audio.decoder import Decoder
from worker.audio.downmix import Mix
from worker.audio.scratch import Mono
from worker.audio.wire import DecodeLimits


def _captured(
    decoder: Decoder, limits: DecodeLimits, path: Path, rate_hz: int, mix: Mix
) -> tuple[Mono, list[float], int]:
    fractions: list[float] = []
    with capture(
        decoder,
        path,
        filename=path.name,
        mix=mix,
        rate_hz=rate_hz,
        duration_s=3.0,
        limits=limits,
        folder=path.parent,
        report=fractions.append,
    ) as captured:
        sound = captured.scratch.read(0, captured.scratch.frames)
        return sound, fractions, captured.powers.size


def test_a_recording_is_kept_as_it_is_at_its_own_rate(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    sound = tone(3.0, 24_000)
    path = write(tmp_path / "a.wav", sound, 24_000, subtype="FLOAT")
    captured, fractions, hops = _captured(decoder, limits, path, 24_000, Mix(None, 0.0))
    assert np.allclose(captured, sound)
    assert fractions == sorted(fractions)
    assert hops == 300


@pytest.mark.parametrize("rate_hz", [44_100, 24_000, 16_000])
def test_resampling_keeps_length_level_and_place(
    decoder: Decoder, limits: DecodeLimits, tmp_path: Path, rate_hz: int
) -> None:
    path = write(tmp_path / "a.wav", tone(3.0, 48_000, channels=2), 48_000, subtype="FLOAT")
    captured, _, _ = _captured(decoder, limits, path, rate_hz, Mix(None, 0.0))
    assert captured.shape == (1, 3 * rate_hz)
    middle = slice(rate_hz, 2 * rate_hz)
    assert np.abs(captured[:, middle] - tone(3.0, rate_hz)[:, middle]).max() < 1e-3


def test_the_mix_is_applied(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    sound = tone(3.0, 16_000, channels=2, amplitude=0.3)
    sound[0] = -sound[1]
    path = write(tmp_path / "a.wav", sound + np.float32(0.1), 16_000, subtype="FLOAT")
    captured, _, _ = _captured(decoder, limits, path, 16_000, Mix(1, 0.1))
    assert np.allclose(captured[0], sound[1], atol=1e-6)
