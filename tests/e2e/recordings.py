"""Files as they come in from outside: good ones under wrong names, cut ones, and ones that nothing can be made of."""

import io
import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.audio.stream import AudioStream
from scipy.signal import resample_poly

from tests.worker.audio.signals import Samples, clean_speech, float_wav_bytes, wav_bytes, write_av

RATE_HZ = 48_000


@cache
def speech() -> Samples:
    """The clean speech at RATE_HZ."""
    samples, rate_hz = clean_speech()
    return resample_poly(samples, RATE_HZ, rate_hz, axis=1).astype(np.float32)


def m4a() -> bytes:
    """What a phone's voice memo is."""
    with TemporaryDirectory() as folder:
        return write_av(Path(folder) / "memo", speech(), RATE_HZ, codec="aac", form="ipod").read_bytes()


class _Pipe:
    """Cannot be sought in, so that the file is written as a browser does it: with no length in its header."""

    def __init__(self) -> None:
        self.data = io.BytesIO()

    def write(self, piece: bytes) -> int:
        return self.data.write(piece)


def browser_webm() -> bytes:
    """What MediaRecorder makes: Opus in WebM, live."""
    pipe = _Pipe()
    with av.open(pipe, "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout="mono")
        assert isinstance(stream, AudioStream)
        for start in range(0, speech().shape[1] - 960, 960):
            piece = np.ascontiguousarray(speech()[:, start : start + 960])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return pipe.data.getvalue()


def speech_wav(duration_s: float | None = None) -> bytes:
    """The speech, or the first moments of it."""
    frames = None if duration_s is None else round(duration_s * RATE_HZ)
    return wav_bytes(speech()[:, :frames], RATE_HZ)


def silence_wav() -> bytes:
    return wav_bytes(np.zeros((1, 5 * RATE_HZ), np.float32), RATE_HZ)


def music_wav() -> bytes:
    """An arpeggio of rich tones with vibrato, as loud as speech and with as many onsets."""
    times = np.arange(8 * RATE_HZ) / RATE_HZ
    step = (times / 0.25).astype(int)
    pitch_hz = 220 * 2 ** (np.array([0, 4, 7, 12, 7, 4])[step % 6] / 12) * (1 + 0.006 * np.sin(2 * np.pi * 5.5 * times))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    tone = sum(np.sin(number * phase) / number for number in range(1, 7))
    return wav_bytes((0.2 * tone * np.exp(-3 * (times % 0.25)))[None].astype(np.float32), RATE_HZ)


def wav_with(value: float) -> bytes:
    """Speech in which some values are none."""
    samples = speech().copy()
    samples[0, RATE_HZ : RATE_HZ + 100] = value
    return float_wav_bytes(samples, RATE_HZ)


def long_flac(duration_s: int, *, says_its_length: bool = True) -> bytes:
    """A FLAC of silence, 10 bytes a second: one constant subframe for every 65,535 samples (RFC 9639, section 9)."""
    block, rate_hz = 65_535, 44_100
    frames = duration_s * rate_hz // block
    total = frames * block if says_its_length else 0
    info = struct.pack(">HH6xQ16x", block, block, rate_hz << 44 | 15 << 36 | total)
    made = [b"fLaC\x80\x00\x00\x22" + info]
    for number in range(frames):
        header = b"\xff\xf8\x79\x08" + _coded(number) + struct.pack(">H", block - 1)
        frame = header + bytes([_crc(header, 8, 0x07)]) + b"\0\0\0"
        made.append(frame + struct.pack(">H", _crc(frame, 16, 0x8005)))
    return b"".join(made)


def _coded(number: int) -> bytes:
    return chr(number).encode() if not 0xD800 <= number < 0xE000 else bytes(
        [0xE0 | number >> 12, 0x80 | number >> 6 & 0x3F, 0x80 | number & 0x3F]
    )  # fmt: skip


@cache
def _crc_table(bits: int, polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value >> bits - 1 else value << 1) & (1 << bits) - 1
        table.append(value)
    return table


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    table, value = _crc_table(bits, polynomial), 0
    for byte in data:
        value = (value << 8 & (1 << bits) - 1) ^ table[value >> bits - 8 ^ byte]
    return value
