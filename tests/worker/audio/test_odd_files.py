"""Files that are unusual, lie or are two things at once: sound where there is some, else an error that names them."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from av.audio.stream import AudioStream

from shared.errors import AudioError, AudioTooShort, AudioUnreadable
from tests.worker.audio.conftest import Decoded
from tests.worker.audio.signals import Samples, clean_speech, float_wav_bytes, spoken, tone, wav_bytes, write, write_av
from tests.worker.audio.studio import Studio, nobody
from worker.audio.inspector import inspect

Decode = Callable[[Path], Decoded]


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2)


def _with_chunks(before: bytes, after: bytes) -> bytes:
    """A WAV file with other chunks before its format and after its data."""
    plain = wav_bytes(tone(1.0, 16_000), 16_000)
    body = b"WAVE" + before + plain[12:] + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


CHUNKS = {
    "junk before the format": (_chunk(b"JUNK", bytes(28)), b""),
    "odd junk before the format": (_chunk(b"JUNK", bytes(27)), b""),
    "list before the format": (_chunk(b"LIST", b"INFOINAM" + struct.pack("<I", 5) + b"voice\x00"), b""),
    "unknown and odd": (_chunk(b"xyz ", b"abc"), _chunk(b"zyx ", b"a")),
    "broadcast": (_chunk(b"bext", bytes(603)), _chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 3) + b"abc\x00")),
    "empty": (_chunk(b"PAD ", b""), b""),
    "large": (_chunk(b"FLLR", bytes(4_000_001)), b""),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_other_chunks_of_a_wav_file_are_passed_over(tmp_path: Path, decode: Decode, name: str) -> None:
    (tmp_path / "a.wav").write_bytes(_with_chunks(*CHUNKS[name]))
    stream, decoded = decode(tmp_path / "a.wav")
    assert decoded.shape == (1, 16_000)
    assert np.abs(decoded - tone(1.0, 16_000)).max() < 1e-4
    assert stream.warnings == ()


def _tag(size: int) -> bytes:
    frame = b"TXXX" + size.to_bytes(4, "big") + b"\x00\x00" + b"\x00" + bytes(size - 1)
    return b"ID3\x03\x00\x00" + bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0)) + frame


def test_a_tag_of_five_megabytes_before_an_mp3_is_passed_over(tmp_path: Path, decode: Decode) -> None:
    path = write(tmp_path / "a.mp3", tone(2.0, 44_100), 44_100)
    path.write_bytes(_tag(5_000_000) + path.read_bytes())
    stream, decoded = decode(path)
    assert stream.info.format == "mp3"
    assert decoded.shape[1] / 44_100 == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(("subtype", "other_hz"), [("VORBIS", 48_000), ("OPUS", 48_000), ("OPUS", 24_000)])
def test_a_chained_ogg_is_read_to_its_end(tmp_path: Path, decode: Decode, subtype: str, other_hz: int) -> None:
    first = write(tmp_path / "1.ogg", tone(2.0, 48_000), 48_000, subtype=subtype).read_bytes()
    other = write(tmp_path / "2.ogg", tone(3.0, other_hz, hz=880), other_hz, subtype=subtype).read_bytes()
    (tmp_path / "both.ogg").write_bytes(first + other)
    stream, decoded = decode(tmp_path / "both.ogg")
    assert stream.info.rate_hz == 48_000
    assert np.isfinite(decoded).all()
    assert decoded.shape[1] / 48_000 == pytest.approx(5.0, abs=0.2)


def test_a_chained_ogg_that_ffmpeg_cannot_follow_is_kept_so_far_with_a_warning(tmp_path: Path, decode: Decode) -> None:
    first = write(tmp_path / "1.ogg", tone(2.0, 48_000), 48_000, subtype="VORBIS").read_bytes()
    other = write(tmp_path / "2.ogg", tone(3.0, 24_000), 24_000, subtype="VORBIS").read_bytes()
    (tmp_path / "both.ogg").write_bytes(first + other)
    stream, decoded = decode(tmp_path / "both.ogg")
    assert decoded.shape[1] / 48_000 == pytest.approx(2.0, abs=0.1)
    assert any(warning.startswith("truncated:") for warning in stream.warnings)


def test_of_two_tracks_in_an_mp4_the_first_is_taken(tmp_path: Path, decode: Decode) -> None:
    path = tmp_path / "two.mp4"
    with path.open("wb") as target, av.open(target, "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=rate_hz, layout="mono") for rate_hz in (48_000, 32_000)]
        for track, rate_hz, seconds in zip(streams, (48_000, 32_000), (2.0, 4.0), strict=True):
            assert isinstance(track, AudioStream)
            sound = tone(seconds, rate_hz)
            for start in range(0, sound.shape[1], 1_024):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(sound[:, start : start + 1_024]), format="fltp", layout="mono"
                )
                frame.sample_rate, frame.pts = rate_hz, start
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    stream, decoded = decode(path)
    assert (stream.info.rate_hz, stream.info.channels) == (48_000, 1)
    assert decoded.shape[1] / 48_000 == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_an_extensible_wav_of_several_channels_comes_out_whole(tmp_path: Path, decode: Decode, channels: int) -> None:
    sound = tone(1.0, 48_000, channels=channels) * np.linspace(0.2, 1, channels, dtype=np.float32)[:, None]
    _stream, decoded = decode(write(tmp_path / "a.wav", sound, 48_000, subtype="PCM_24", form="WAVEX"))
    assert decoded.shape == sound.shape
    assert np.abs(decoded - sound).max() < 1e-6


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "ULAW", "ALAW"])
@pytest.mark.parametrize("form", ["WAV", "W64"])
def test_telephone_codecs_keep_length_and_level(tmp_path: Path, decode: Decode, subtype: str, form: str) -> None:
    sound = tone(2.0, 8_000)
    stream, decoded = decode(write(tmp_path / "a.wav", sound, 8_000, subtype=subtype, form=form))
    assert stream.info.rate_hz == 8_000
    assert decoded.shape[1] / 8_000 == pytest.approx(2.0, abs=0.1)
    middle = decoded[:, 2_000:12_000]
    assert np.sqrt(np.square(middle).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.rf64", lambda path, sound: write(path, sound, 48_000, subtype="PCM_24")),
        ("a.aiff", lambda path, sound: write(path, sound, 48_000, subtype="FLOAT")),
        ("a.m4a", lambda path, sound: write_av(path, sound, 48_000, codec="alac", form="ipod")),
        ("a.m4a", lambda path, sound: write_av(path, sound, 48_000, codec="aac", form="ipod")),
        ("a.webm", lambda path, sound: write_av(path, sound, 48_000, codec="libopus", form="webm")),
        ("a.mp3", lambda path, sound: write(path, sound, 48_000)),
        ("a.ogg", lambda path, sound: write(path, sound, 48_000, subtype="OPUS")),
    ],
    ids=["rf64", "aiff", "alac", "aac", "webm", "mp3", "opus"],
)
def test_a_voice_is_heard_and_prepared_from_any_container(
    studio: Studio, name: str, make: Callable[[Path, Samples], Path]
) -> None:
    speech = spoken(8.0, 48_000)
    source = studio.uploaded(make(studio.folder / name, speech))
    (made,) = studio.prepare(source)
    assert source.examination.inspection.measures.speech_share > 0.8
    assert made.duration_s == pytest.approx(speech.shape[1] / 48_000, abs=0.3)


@pytest.mark.parametrize("is_first", [True, False])
def test_what_is_an_archive_and_an_mp3_is_sound_or_refused(studio: Studio, decode: Decode, is_first: bool) -> None:
    mp3 = write(studio.folder / "a.mp3", tone(2.0, 44_100), 44_100).read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other.txt", "hello" * 100)
    path = studio.folder / "both.mp3"
    path.write_bytes(mp3 + packed.getvalue() if is_first else packed.getvalue() + mp3)
    found = studio.attempt(path)
    assert isinstance(found, AudioError)
    if is_first:
        stream, decoded = decode(path)
        assert stream.info.format == "mp3"
        assert decoded.shape[1] / 44_100 == pytest.approx(2.0, abs=0.2)
    else:
        assert found.message.startswith("both.mp3 ")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:2,\nother.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile 'other.wav'\n",
        "[playlist]\nFile1=other.wav\nNumberOfEntries=1\n",
        "<?xml version='1.0'?><MPD><Period><BaseURL>other.wav</BaseURL></Period></MPD>",
    ],
)
def test_a_list_of_files_named_wav_opens_none_of_them(studio: Studio, text: str) -> None:
    write(studio.folder / "other.wav", tone(2.0, 16_000), 16_000)
    path = studio.folder / "list.wav"
    path.write_text(text)
    with pytest.raises(AudioUnreadable, match=r"list\.wav cannot be decoded"):
        studio.inspect(path)


@pytest.mark.parametrize("duration_s", [0.0001, 0.01, 0.3, 0.99])
def test_a_moment_of_sound_is_decoded_and_too_short(studio: Studio, decode: Decode, duration_s: float) -> None:
    path = write(studio.folder / "moment.wav", tone(duration_s, 48_000), 48_000)
    assert decode(path)[1].shape[1] == round(duration_s * 48_000)
    with pytest.raises(AudioTooShort, match=r"moment\.wav has 0\.\d\d s"):
        studio.inspect(path)


def test_a_value_that_is_no_number_is_refused_in_any_channel(studio: Studio) -> None:
    sound = np.repeat(clean_speech()[0], 2, axis=0)
    sound[1, 60_000] = np.nan
    (studio.folder / "voice.wav").write_bytes(float_wav_bytes(sound, 22_050))
    with pytest.raises(AudioUnreadable, match="impossible values"):
        studio.inspect(studio.folder / "voice.wav")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_a_flipped_bit_is_sound_or_an_error_and_never_a_crash(studio: Studio, suffix: str) -> None:
    speech, rate_hz = clean_speech()
    whole = write(studio.folder / f"voice{suffix}", speech, rate_hz).read_bytes()
    random = np.random.default_rng(11)
    for _ in range(6):
        broken = bytearray(whole)
        for place in random.integers(0, min(len(whole), 400), 3):
            broken[place] ^= 1 << int(random.integers(8))
        (studio.folder / f"voice{suffix}").write_bytes(broken)
        found = studio.attempt(studio.folder / f"voice{suffix}")
        if isinstance(found, AudioError):
            assert f"voice{suffix}" in found.message
            assert "crashed" not in found.message
        else:
            assert np.isfinite(found.tracks.levels_db).all()


def test_a_name_that_looks_like_a_path_is_only_a_name(studio: Studio) -> None:
    path = write(studio.folder / "a.wav", tone(0.2, 16_000), 16_000)
    with pytest.raises(AudioTooShort, match=r"\.\./\.\./etc/passwd has 0\.20 s"):
        inspect(studio.decoder, path, filename="../../etc/passwd", limits=studio.limits, progress=nobody)
    assert soundfile.info(path).frames == 3_200
