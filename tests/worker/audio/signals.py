"""Signals with known answers, and files made of them. Every generator is deterministic."""

import struct
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from av.audio.stream import AudioStream

Samples = npt.NDArray[np.float32]

FIXTURES = Path(__file__).parents[2] / "fixtures" / "audio"


def tone(duration_s: float, rate_hz: int, *, hz: float = 440.0, amplitude: float = 0.5, channels: int = 1) -> Samples:
    """A sine, shape (channels, frames)."""
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.tile(amplitude * np.sin(2 * np.pi * hz * times), (channels, 1)).astype(np.float32)


def white_noise(duration_s: float, rate_hz: int, *, rms: float = 0.1, channels: int = 1, seed: int = 1) -> Samples:
    """Gaussian noise, shape (channels, frames)."""
    noise = np.random.default_rng(seed).standard_normal((channels, round(duration_s * rate_hz)))
    return (rms * noise).astype(np.float32)


def speech_like(duration_s: float, rate_hz: int, *, seed: int = 2) -> Samples:
    """Noise in syllables of 200 ms with gaps of 100 ms, as loud as speech (RMS 0.1 while it sounds)."""
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    syllables = np.clip(np.sin(2 * np.pi * times / 0.3) + 0.5, 0.0, 1.0)
    return white_noise(duration_s, rate_hz, seed=seed) * syllables.astype(np.float32)


def in_noise(speech: Samples, snr_db: float, *, seed: int = 3) -> Samples:
    """The speech with white noise, `snr_db` under the mean power of its louder half."""
    power = np.square(speech[speech != 0]).mean() if speech.any() else 1.0
    noise = np.random.default_rng(seed).standard_normal(speech.shape).astype(np.float32)
    return speech + noise * np.float32(np.sqrt(power / 10 ** (snr_db / 10)))


def silence(duration_s: float, rate_hz: int, *, channels: int = 1) -> Samples:
    return np.zeros((channels, round(duration_s * rate_hz)), np.float32)


def clean_speech() -> tuple[Samples, int]:
    """The synthesised voice that lies with the tests, shape (1, frames), and its rate."""
    samples, rate_hz = soundfile.read(FIXTURES / "clean_speech.flac", dtype="float32", always_2d=True)
    return samples.T.copy(), rate_hz


def spoken(duration_s: float, rate_hz: int) -> Samples:
    """The synthesised voice at another rate, again and again, shape (1, frames)."""
    speech, speech_hz = clean_speech()
    voice = soxr.resample(speech[0], speech_hz, rate_hz)
    return np.resize(voice, (1, round(duration_s * rate_hz))).astype(np.float32)


def music(duration_s: float, rate_hz: int) -> Samples:
    """A progression of four chords under an arpeggio, with overtones, vibrato and envelopes, shape (1, frames)."""
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    chords = np.array([[220.0, 261.6, 329.6], [174.6, 220.0, 261.6], [261.6, 329.6, 392.0], [196.0, 246.9, 293.7]])
    held = chords[(times / 1.5).astype(int) % 4]
    plucked = 2 * held[np.arange(times.size), (times / 0.25).astype(int) % 3]
    swell = np.sin(np.pi * (times % 1.5) / 1.5) ** 0.5
    decay = np.exp(-5 * (times % 0.25) / 0.25)
    sound = sum(swell * _note(held[:, voice], times, rate_hz) for voice in range(3)) + decay * _note(
        plucked, times, rate_hz
    )
    return (0.1 * np.asarray(sound)[None]).astype(np.float32)


def _note(hz: npt.NDArray[np.float64], times: npt.NDArray[np.float64], rate_hz: int) -> npt.NDArray[np.float64]:
    phase = 2 * np.pi * np.cumsum(hz * (1 + 0.006 * np.sin(2 * np.pi * 5.5 * times))) / rate_hz
    return np.asarray(sum(np.sin(overtone * phase) / overtone for overtone in range(1, 7)))


def motor(duration_s: float, rate_hz: int) -> Samples:
    """A machine that turns 24 times a second: its overtones, slowly wandering, over noise; shape (1, frames)."""
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    phase = 2 * np.pi * 24 * (times + 0.02 * np.sin(2 * np.pi * 0.3 * times))
    hum = sum(np.sin(overtone * phase + overtone) / overtone**0.5 for overtone in range(1, 30))
    return (0.03 * np.asarray(hum)[None] + white_noise(duration_s, rate_hz, rms=0.05)).astype(np.float32)


def write(path: Path, samples: Samples, rate_hz: int, *, subtype: str | None = None, form: str | None = None) -> Path:
    """Write with libsndfile; the format follows the suffix unless it is named."""
    soundfile.write(path, samples.T, rate_hz, subtype=subtype, format=form)
    return path


def write_av(path: Path, samples: Samples, rate_hz: int, *, codec: str, form: str) -> Path:
    """Write with FFmpeg, for the formats that libsndfile does not know."""
    layout = {1: "mono", 2: "stereo"}[samples.shape[0]]
    with path.open("wb") as target, av.open(target, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout, bit_rate=128_000)
        assert isinstance(stream, AudioStream)
        for start in range(0, samples.shape[1], 960):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, start : start + 960]), format="fltp", layout=layout
            )
            frame.sample_rate = rate_hz
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def wav_bytes(
    samples: Samples, rate_hz: int, *, channels: int | None = None, data_bytes: int | None = None, bits: int = 16
) -> bytes:
    """A 16-bit WAV file whose header may lie about its channels, its bits or the length of its data."""
    data = (np.clip(samples.T, -1, 1) * 32767).astype("<i2").tobytes()
    count = samples.shape[0] if channels is None else channels
    size = len(data) if data_bytes is None else data_bytes
    align = (count * bits // 8) & 0xFFFF
    form = struct.pack("<HHIIHH", 1, count, rate_hz, (rate_hz * align) & 0xFFFFFFFF, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def float_wav_bytes(samples: Samples, rate_hz: int) -> bytes:
    """A float WAV file with exactly these values, whatever they are."""
    data = samples.T.astype("<f4").tobytes()
    align = 4 * samples.shape[0]
    form = struct.pack("<HHIIHH", 3, samples.shape[0], rate_hz, rate_hz * align, align, 32)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body
