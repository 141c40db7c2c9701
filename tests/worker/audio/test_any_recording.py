"""Whatever somebody uploads: an error of the tree, or sound that is finite, in range and of the right length."""

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from shared.errors import AudioError
from tests.worker.audio.signals import Samples, music, silence, spoken, tone, white_noise, write
from tests.worker.audio.studio import Studio, joined, sent
from worker.audio.choose.planning import Target
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.treat.prepared import Prepared, Source, Wish

LIMITS = DecodeLimits(max_duration_s=60.0, memory_bytes=512 * 2**20, cpu_s=60, wall_s=60.0)
RATES_HZ = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]
SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
KINDS = ["speech", "noise", "square", "constant", "silence", "click", "music", "tone"]
TARGETS = [
    Target(),
    Target("flac", 24_000),
    Target(best_s=10.0, least_s=1.0, max_files=1, max_file_s=15.0),
    Target(max_file_s=2.0),
    Target(best_s=60.0, max_files=1, max_total_s=90.0),
]


def _sound(kind: str, frames: int, rate_hz: int) -> Samples:
    duration_s = frames / rate_hz
    if kind == "square":
        return np.sign(np.sin(np.arange(frames) / 11 + 0.1))[None].astype(np.float32)
    if kind == "constant":
        return np.ones((1, frames), np.float32)
    if kind == "click":
        return np.eye(1, frames, frames // 3, dtype=np.float32)
    made = {"speech": spoken, "noise": white_noise, "silence": silence, "music": music, "tone": tone}[kind]
    return np.asarray(made(duration_s, rate_hz), np.float32)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Samples, int, str]:
    """Sound of one or two kinds in some channels, each with its own gain and offset, clipped or not."""
    rate_hz = draw(st.sampled_from(RATES_HZ))
    is_voice = draw(st.booleans())
    frames = draw(st.integers(rate_hz if is_voice else 1, 3 * rate_hz))
    kinds = ["speech"] if is_voice else draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2))
    mono = joined(*[_sound(kind, frames, rate_hz) for kind in kinds])
    channels = draw(st.integers(1, 8))
    choice = [0.0, 0.05, 0.2, -0.5] if is_voice else [0.0, 1e-4, 0.2, -0.5, 1.0, 6.0]
    gains = draw(st.lists(st.sampled_from(choice), min_size=channels, max_size=channels))
    offset = draw(st.sampled_from([0.0, 0.0, 0.3] if is_voice else [0.0, 0.3, -0.9]))
    sound = np.array(gains, np.float32)[:, None] * mono + np.float32(offset)
    subtype = draw(st.sampled_from(SUBTYPES))
    loudest = 7.0 if subtype in {"FLOAT", "DOUBLE"} else 1.0
    return np.clip(sound, -loudest, loudest).astype(np.float32), rate_hz, subtype


def _check(made: Prepared, rate_hz: int, container: str) -> None:
    out = sent(made)
    assert np.isfinite(out).all()
    assert np.abs(out).max(initial=0.0) <= 1.0
    assert made.rate_hz <= min(rate_hz, 48_000)
    assert soundfile.info(made.path).format == container.upper()
    promised_s = sum(cut.span.duration_s for cut in made.recipe.cuts)
    assert abs(out.shape[1] - promised_s * made.rate_hz) <= 2 * len(made.recipe.cuts)
    assert out.shape[1] == round(made.duration_s * made.rate_hz) > 0
    json.dumps(made.to_json(), allow_nan=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    recordings(),
    st.sampled_from(TARGETS),
    st.sampled_from(["auto", "on", "off"]),
    st.sampled_from(["auto", "off"]),
)
def test_any_recording_is_refused_in_words_or_comes_out_finite_and_whole(
    decoder: Decoder, recording: tuple[Samples, int, str], target: Target, denoise: str, trim: str
) -> None:
    sound, rate_hz, subtype = recording
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(decoder, LIMITS, Path(folder))
        path = write(studio.folder / "voice.wav", sound, rate_hz, subtype=subtype)
        found = studio.attempt(path)
        if isinstance(found, AudioError):
            assert found.message.startswith("voice.wav ")
            json.dumps(found.details, allow_nan=False)
            return
        assert found.inspection.duration_s == sound.shape[1] / rate_hz
        json.dumps(found.inspection.to_json(), allow_nan=False)
        event("prepared")
        source = Source("smp_1", "voice.wav", path, hashlib.sha256(path.read_bytes()).hexdigest(), found)
        wish = Wish(denoise, trim)  # type: ignore[arg-type]
        for made in studio.prepare(source, target=target, wish=wish):
            _check(made, rate_hz, target.container)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.floats(0.05, 1.0),
    st.sampled_from([16_000, 44_100]),
    st.lists(st.floats(0.1, 1.5), min_size=2, max_size=3),
)
def test_what_was_prepared_is_prepared_already(
    decoder: Decoder, gain: float, rate_hz: int, pauses_s: list[float]
) -> None:
    words = gain * spoken(3.0, rate_hz)
    sound = joined(*[joined(silence(pause_s, rate_hz), words) for pause_s in pauses_s])
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(decoder, LIMITS, Path(folder))
        first = studio.make(sound, rate_hz)
        (second,) = studio.prepare(studio.uploaded(first.path))
    assert abs(second.duration_s - first.duration_s) < 0.05
    assert abs(second.recipe.gain_db) < 0.2
    assert second.recipe.parts[0].denoise == "none"
