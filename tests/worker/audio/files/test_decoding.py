import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from shared.errors import AudioTooLong, AudioUnreadable
from tests.worker.audio.conftest import Decoded
from tests.worker.audio.signals import (
    Samples,
    float_wav_bytes,
    silence,
    tone,
    wav_bytes,
    white_noise,
    write,
    write_av,
)
from worker.audio.files.decoder import Decoder
from worker.audio.files.decoding import decode as decode_here
from worker.audio.files.wire import DecodeLimits

Decode = Callable[[Path], Decoded]

LOSSLESS = [
    ("a.wav", "PCM_U8", 1e-2),
    ("a.wav", "PCM_16", 1e-4),
    ("a.wav", "PCM_24", 1e-6),
    ("a.wav", "PCM_32", 1e-6),
    ("a.wav", "FLOAT", 1e-7),
    ("a.wav", "DOUBLE", 1e-7),
    ("a.wav", "ULAW", 2e-2),
    ("a.wav", "ALAW", 2e-2),
    ("a.rf64", "PCM_16", 1e-4),
    ("a.w64", "PCM_16", 1e-4),
    ("a.flac", "PCM_16", 1e-4),
    ("a.flac", "PCM_24", 1e-6),
    ("a.aiff", "PCM_16", 1e-4),
    ("a.aiff", "PCM_24", 1e-6),
    ("a.caf", "PCM_16", 1e-4),
    ("a.au", "PCM_16", 1e-4),
]


@pytest.mark.parametrize(("name", "subtype", "error"), LOSSLESS)
def test_a_lossless_file_comes_out_as_it_went_in(
    tmp_path: Path, decode: Decode, name: str, subtype: str, error: float
) -> None:
    sound = tone(1.3, 44_100, channels=2) * np.array([[1.0], [0.5]], np.float32)
    stream, decoded = decode(write(tmp_path / name, sound, 44_100, subtype=subtype))
    assert (stream.info.rate_hz, stream.info.channels, stream.warnings) == (44_100, 2, ())
    assert decoded.shape == sound.shape
    assert np.abs(decoded - sound).max() < error


LOSSY: list[tuple[str, Callable[[Path, Samples], Path], str, str]] = [
    ("a.mp3", lambda path, sound: write(path, sound, 48_000), "mp3", "mp3float"),
    ("a.ogg", lambda path, sound: write(path, sound, 48_000, subtype="VORBIS"), "ogg", "vorbis"),
    ("a.ogg", lambda path, sound: write(path, sound, 48_000, subtype="OPUS"), "ogg", "opus"),
    ("a.m4a", lambda path, sound: write_av(path, sound, 48_000, codec="aac", form="ipod"), "mov", "aac"),
    ("a.m4a", lambda path, sound: write_av(path, sound, 48_000, codec="alac", form="ipod"), "mov", "alac"),
    ("a.aac", lambda path, sound: write_av(path, sound, 48_000, codec="aac", form="adts"), "aac", "aac"),
    ("a.webm", lambda path, sound: write_av(path, sound, 48_000, codec="libopus", form="webm"), "matroska", "opus"),
    ("a.wma", lambda path, sound: write_av(path, sound, 48_000, codec="wmav2", form="asf"), "asf", "wmav2"),
]


@pytest.mark.parametrize(("name", "make", "form", "codec"), LOSSY)
def test_a_lossy_file_keeps_its_length_and_level(
    tmp_path: Path, decode: Decode, name: str, make: Callable[[Path, Samples], Path], form: str, codec: str
) -> None:
    sound = tone(3.0, 48_000, channels=2)
    stream, decoded = decode(make(tmp_path / name, sound))
    assert (stream.info.format, stream.info.codec, stream.info.channels) == (form, codec, 2)
    assert decoded.shape[1] / 48_000 == pytest.approx(3.0, abs=0.08)
    assert np.sqrt(np.square(decoded[:, 24_000:96_000]).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_a_browser_recording_without_a_duration_is_measured(tmp_path: Path, decode: Decode) -> None:
    whole = write_av(tmp_path / "whole.webm", tone(3.0, 48_000), 48_000, codec="libopus", form="webm")
    live = tmp_path / "live.webm"
    duration = whole.read_bytes().index(b"\x44\x89\x88")  # EBML: Duration, eight bytes of float
    live.write_bytes(whole.read_bytes().replace(whole.read_bytes()[duration : duration + 11], b"\xec\x89" + bytes(9)))
    stream, decoded = decode(live)
    assert stream.info.header_duration_s is None
    assert decoded.shape[1] / 48_000 == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("name", ["voice.mp3", "voice.m4a", "voice.txt", "voice"])
def test_the_content_decides_and_not_the_name(tmp_path: Path, decode: Decode, name: str) -> None:
    stream, _ = decode(write(tmp_path / name, tone(1.0, 16_000), 16_000, form="WAV"))
    assert stream.info.format == "wav"


@pytest.mark.parametrize("data_bytes", [0, 0xFFFFFFFF])
def test_a_streamed_wav_without_a_length_is_read_to_its_end(tmp_path: Path, decode: Decode, data_bytes: int) -> None:
    path = tmp_path / "streamed.wav"
    path.write_bytes(wav_bytes(tone(2.0, 16_000), 16_000, data_bytes=data_bytes))
    stream, decoded = decode(path)
    assert decoded.shape[1] == 32_000
    assert stream.warnings == ()


def test_blocks_are_a_second_long_but_for_the_last(tmp_path: Path, decoder: Decoder, limits: DecodeLimits) -> None:
    path = write(tmp_path / "a.wav", tone(2.5, 22_050), 22_050)
    with decoder.decode(path, filename="a.wav", limits=limits) as stream:
        assert [block.shape for block in stream] == [(1, 22_050), (1, 22_050), (1, 11_025)]


def test_floats_over_full_scale_keep_their_shape(tmp_path: Path, decode: Decode) -> None:
    path = tmp_path / "loud.wav"
    path.write_bytes(float_wav_bytes(4 * tone(1.0, 16_000, amplitude=0.9), 16_000))
    _, decoded = decode(path)
    assert decoded.max() == pytest.approx(3.6, abs=0.01)  # the gain brings it down later, and nothing is cut off
    assert decoded.min() == pytest.approx(-3.6, abs=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 8.5])
def test_impossible_values_are_refused(tmp_path: Path, decode: Decode, value: float) -> None:
    sound = tone(1.0, 16_000)
    sound[0, 9_000] = value
    path = tmp_path / "broken.wav"
    path.write_bytes(float_wav_bytes(sound, 16_000))
    with pytest.raises(AudioUnreadable, match=r"broken\.wav cannot be decoded: it holds impossible values"):
        decode(path)


HOSTILE = {
    "nothing.wav": b"",
    "empty.wav": wav_bytes(silence(0.0, 16_000), 16_000),
    "text.wav": b"Dear sir or madam, please find attached my voice.\n" * 200,
    "page.wav": b"<!DOCTYPE html><html><body><audio src='x.wav'></audio></body></html>" * 50,
    "picture.wav": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    b"\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82",
    "random.wav": np.random.default_rng(5).bytes(200_000),
    "no_channels.wav": wav_bytes(tone(1.0, 16_000), 16_000, channels=0),
    "many_channels.wav": wav_bytes(tone(1.0, 16_000), 16_000, channels=65_535),
    "nine_channels.wav": wav_bytes(tone(1.0, 16_000, channels=9), 16_000),
    "slow.wav": wav_bytes(tone(1.0, 16_000), 1),
    "fast.wav": wav_bytes(tone(1.0, 16_000), 384_000),
    "no_rate.wav": wav_bytes(tone(1.0, 16_000), 0),
    "no_bits.wav": wav_bytes(tone(1.0, 16_000), 16_000, bits=0),
    "list.wav": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    "concat.wav": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    "session.wav": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
    "archive.wav": b"PK\x03\x04" + bytes(1000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_sound_is_refused_by_name(tmp_path: Path, decode: Decode, name: str) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name])
    with pytest.raises(AudioUnreadable, match=f"{name} cannot be decoded: ") as caught:
        decode(tmp_path / name)
    assert caught.value.details["filename"] == name
    assert "crashed" not in caught.value.message


def test_playlists_open_no_other_file(tmp_path: Path, decode: Decode) -> None:
    other = write(tmp_path / "other.wav", tone(2.0, 16_000), 16_000)
    for text in (f"ffconcat version 1.0\nfile '{other}'\n", f"#EXTM3U\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n"):
        (tmp_path / "list.wav").write_text(text)
        with pytest.raises(AudioUnreadable):
            decode(tmp_path / "list.wav")


def test_a_film_without_sound_is_refused_with_the_reason(tmp_path: Path, decode: Decode) -> None:
    path = tmp_path / "film.mp4"
    with path.open("wb") as target, __import__("av").open(target, "w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        for _ in range(5):
            film.mux(stream.encode(__import__("av").VideoFrame(64, 64, "yuv420p")))
        film.mux(stream.encode(None))
    with pytest.raises(AudioUnreadable, match="there is no sound in it"):
        decode(path)


def test_half_a_file_is_kept_with_a_warning(tmp_path: Path, decode: Decode) -> None:
    for name in ("a.wav", "a.flac", "a.ogg"):
        whole = write(tmp_path / name, white_noise(8.0, 16_000), 16_000).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        stream, decoded = decode(tmp_path / name)
        assert 2.0 < decoded.shape[1] / 16_000 < 5.0, name
        if name != "a.ogg":  # an Ogg file says nowhere but at its end how long it is
            assert any(warning.startswith("truncated:") for warning in stream.warnings), name


class Failing(io.BytesIO):
    """A file whose bytes, from some point on, make the decoder raise what only programmers understand."""

    def __init__(self, data: bytes, error: Exception, sound_bytes: int) -> None:
        super().__init__(data)
        self._error, self._sound_bytes = error, sound_bytes

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self._sound_bytes:
            raise self._error
        return super().read(size)


@pytest.mark.parametrize("error", [AttributeError("'NoneType' object has no attribute 'x'"), EOFError(), IndexError()])
@pytest.mark.parametrize("sound_bytes", [8, 600_000])
def test_what_a_decoder_raises_reaches_nobody_in_its_own_words(
    tmp_path: Path, error: Exception, sound_bytes: int
) -> None:
    data = write(tmp_path / "a.wav", tone(10.0, 48_000), 48_000).read_bytes()
    with (tmp_path / "answer").open("wb") as answer:
        decode_here(Failing(data, error, sound_bytes), answer.fileno(), DecodeLimits(60.0, 0))
    told = (tmp_path / "answer").read_bytes()
    assert (b"in a way that the decoder cannot handle" if sound_bytes == 8 else b"truncated: ") in told
    assert type(error).__name__.encode() not in told
    assert b"NoneType" not in told


def test_a_hole_in_the_middle_loses_only_itself(tmp_path: Path, decode: Decode) -> None:
    path = write(tmp_path / "a.flac", white_noise(10.0, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    hole = len(data) // 5
    data[2 * hole : 3 * hole] = bytes(hole)
    path.write_bytes(data)
    stream, decoded = decode(path)
    assert 7.0 < decoded.shape[1] / 16_000 < 9.5
    (told,) = stream.warnings
    lost_s = 10 - decoded.shape[1] / 16_000
    assert told == f"damaged: {lost_s:.2f} s could not be decoded and are left out", "it does not break off"


def test_a_file_cut_inside_its_index_is_refused(tmp_path: Path, decode: Decode) -> None:
    whole = write_av(tmp_path / "a.m4a", tone(4.0, 48_000), 48_000, codec="aac", form="ipod").read_bytes()
    (tmp_path / "a.m4a").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioUnreadable):
        decode(tmp_path / "a.m4a")


def test_ten_hours_of_silence_are_refused_at_the_limit(tmp_path: Path, decoder: Decoder, limits: DecodeLimits) -> None:
    path = tmp_path / "hours.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1, subtype="PCM_16", compression_level=0.0) as target:
        for _ in range(600):
            target.write(np.zeros(60 * 8_000, np.int16))
    assert path.stat().st_size < 10_000_000
    with (
        pytest.raises(AudioTooLong, match=r"hours\.flac is longer than 10 minutes \(its header says 600\.0 minutes\)"),
        decoder.decode(path, filename="hours.flac", limits=limits) as stream,
    ):
        for _block in stream:
            pass
    assert stream.frames <= 600 * 8_000


def test_a_limit_that_is_just_kept_is_no_error(tmp_path: Path, decoder: Decoder) -> None:
    path = write(tmp_path / "a.wav", tone(3.0, 16_000), 16_000)
    limits = DecodeLimits(max_duration_s=3.0, memory_bytes=512 * 2**20)
    with decoder.decode(path, filename="a.wav", limits=limits) as stream:
        assert sum(block.shape[1] for block in stream) == 48_000


def test_cover_art_is_not_decoded(tmp_path: Path, decode: Decode) -> None:
    mp3 = write(tmp_path / "a.mp3", tone(2.0, 44_100), 44_100).read_bytes()
    art = b"\x00image/png\x00\x03\x00" + HOSTILE["picture.wav"]
    frame = b"APIC" + len(art).to_bytes(4, "big") + b"\x00\x00" + art
    size = len(frame)
    synchsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    (tmp_path / "a.mp3").write_bytes(b"ID3\x03\x00\x00" + synchsafe + frame + mp3)
    stream, decoded = decode(tmp_path / "a.mp3")
    assert stream.info.codec == "mp3float"
    assert decoded.shape[1] / 44_100 == pytest.approx(2.0, abs=0.1)


def test_a_change_of_rate_within_the_file_is_converted_and_told(tmp_path: Path, decode: Decode) -> None:
    first = write_av(tmp_path / "1.aac", tone(2.0, 48_000), 48_000, codec="aac", form="adts").read_bytes()
    second = write_av(tmp_path / "2.aac", tone(2.0, 24_000), 24_000, codec="aac", form="adts").read_bytes()
    (tmp_path / "both.aac").write_bytes(first + second)
    stream, decoded = decode(tmp_path / "both.aac")
    assert stream.info.rate_hz == 48_000
    assert decoded.shape[1] / 48_000 == pytest.approx(4.0, abs=0.2)
    assert any(warning.startswith("changed:") for warning in stream.warnings)
