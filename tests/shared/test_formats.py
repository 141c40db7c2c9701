"""Sniffing is tried on files that PyAV itself wrote, on cut and hostile beginnings, and on what is no sound at all."""

import io
import struct

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.formats import SNIFF_BYTES, SUPPORTED_FORMATS, Container, sniff

WRITTEN = [
    ("wav", "pcm_s16le", Container.WAV),
    ("w64", "pcm_s16le", Container.W64),
    ("aiff", "pcm_s16be", Container.AIFF),
    ("caf", "pcm_s16be", Container.CAF),
    ("au", "pcm_s16be", Container.AU),
    ("flac", "flac", Container.FLAC),
    ("mp3", "libmp3lame", Container.MP3),
    ("mp2", "mp2", Container.MP3),
    ("ipod", "aac", Container.M4A),
    ("mp4", "aac", Container.M4A),
    ("mov", "aac", Container.M4A),
    ("3gp", "aac", Container.M4A),
    ("adts", "aac", Container.AAC),
    ("ogg", "libopus", Container.OGG),
    ("webm", "libopus", Container.WEBM),
    ("matroska", "libopus", Container.MKV),
    ("asf", "wmav2", Container.WMA),
]


def written(format_name, codec, *, rate_hz=48_000, duration_s=1.0, options=None):
    """A tone in a container, as PyAV writes it."""
    target = io.BytesIO()
    with av.open(target, "w", format=format_name, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        if codec not in ("flac",) and not codec.startswith("pcm"):
            stream.bit_rate = 64_000
        tone = np.sin(np.arange(int(rate_hz * duration_s)) * 0.05).astype("float32")[None] * 0.5
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        stream.codec_context.open()
        resampler = av.AudioResampler(stream.format, stream.layout, rate_hz, stream.codec_context.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return target.getvalue()


def decodes(data):
    with av.open(io.BytesIO(data)) as container:
        return sum(frame.samples for frame in container.decode(audio=0)) > 0


def wav(first=b"RIFF", order="<", ds64=b""):
    sound = np.zeros(800, order + "i2").tobytes()
    form = struct.pack(order + "4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + ds64 + form + b"data" + struct.pack(order + "I", len(sound)) + sound
    return first + struct.pack(order + "I", len(body)) + body


def id3(size_bytes, flags=0):
    size = bytes(size_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0" + bytes([flags]) + size + bytes(size_bytes + (10 if flags else 0))


@pytest.mark.parametrize(("format_name", "codec", "container"), WRITTEN)
def test_what_pyav_writes_is_recognised_and_what_is_recognised_pyav_reads(format_name, codec, container):
    data = written(format_name, codec)
    assert sniff(data[:SNIFF_BYTES]) is container
    assert decodes(data)


@pytest.mark.parametrize(
    "data",
    [
        wav(),
        wav(b"RIFX", ">"),
        wav(b"RF64", ds64=struct.pack("<4sIQQQI", b"ds64", 28, 0, 1600, 800, 0)),
        wav(b"BW64", ds64=struct.pack("<4sIQQQI", b"ds64", 28, 0, 1600, 800, 0)),
    ],
    ids=["RIFF", "RIFX", "RF64", "BW64"],
)
def test_every_kind_of_wav_is_recognised_and_decodes(data):
    assert sniff(data[:SNIFF_BYTES]) is Container.WAV
    assert decodes(data)


@pytest.mark.parametrize("options", [{"write_xing": "0"}, {"id3v2_version": "0"}, {"id3v2_version": "3"}])
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_mp3_is_recognised_at_every_rate_with_and_without_tags(rate_hz, options):
    assert sniff(written("mp3", "libmp3lame", rate_hz=rate_hz, options=options)[:SNIFF_BYTES]) is Container.MP3


@pytest.mark.parametrize("kept", [1, 7, 2000])
def test_an_mp3_that_does_not_begin_with_its_tag_may_begin_with_zeros(kept):
    frames = written("mp3", "libmp3lame", options={"id3v2_version": "0", "write_xing": "0"})
    assert sniff((bytes(kept) + frames)[:SNIFF_BYTES]) is Container.MP3


@pytest.mark.parametrize("size_bytes", [0, 100, 4085, 5000, 20_000_000])
@pytest.mark.parametrize("flags", [0, 0x10])
def test_an_id3_tag_of_any_length_is_enough_for_mp3(size_bytes, flags):
    assert sniff(id3(size_bytes, flags)[:SNIFF_BYTES]) is Container.MP3


@pytest.mark.parametrize(
    ("format_name", "codec", "container"), [("flac", "flac", Container.FLAC), ("adts", "aac", Container.AAC)]
)
@pytest.mark.parametrize("flags", [0, 0x10])
def test_what_stands_behind_a_short_id3_tag_decides(format_name, codec, container, flags):
    assert sniff((id3(300, flags) + written(format_name, codec))[:SNIFF_BYTES]) is container


@pytest.mark.parametrize(("format_name", "codec", "container"), [
    ("mp3", "libmp3lame", Container.MP3), ("mp2", "mp2", Container.MP3), ("adts", "aac", Container.AAC),
])  # fmt: skip
def test_a_stream_that_was_cut_out_of_a_longer_one_begins_in_the_middle_of_a_frame(format_name, codec, container):
    options = {"id3v2_version": "0", "write_xing": "0"} if format_name == "mp3" else {}
    stream = written(format_name, codec, options=options)
    for cut_bytes in (1, 3, 100, 207, 333):
        assert sniff(stream[cut_bytes:][:SNIFF_BYTES]) is container, cut_bytes


def test_a_file_of_one_whole_mp3_frame_is_recognised():
    frames = written("mp3", "libmp3lame", options={"id3v2_version": "0", "write_xing": "0"})
    length = 144 * 64_000 // 48_000
    assert sniff(frames[:length]) is Container.MP3
    assert sniff(frames[: length - 1]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 4096,
        b"\xff" * 4096,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        b"<!DOCTYPE html><html>",
        b"just some words, ID3 among them",
        b"ID3 tags are described in this text file",
        b"ID3\xff\xff\x00\x00\x00\x00\x00",
        b"ID3\x04\x00\x00\x80\x00\x00\x00",
        "UTF-16 with its mark, long enough to hold many letters".encode("utf-16") * 80,
        b"\xff\xfeH\0e\0l\0l\0o\0",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(100),
        b"\xff\xd8\xff\xfb\0\x10" + bytes(5000),
        b"PK\3\4" + bytes(100),
        b"%PDF-1.7\n",
        b"RIFF\x24\0\0\0AVI LIST",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"RIFF\x24\0\0\0WAV",
        b"FORM\0\0\0\0ILBM",
        b"\0\0\0\x1cftypheic\0\0\0\0",
        b"\0\0\0\x1cftypavif\0\0\0\0",
        b"\0\0\0\x1cftyp",
        b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x87unknown",
        b"\x1aE\xdf\xa3\x9fB\x82",
        b"OggS\1",
        b".snd\0\0\0\1",
        b"riff.\x91\xcf\x11\xa5\xd6(\xdb\x04\xc1\0\0" + bytes(24),
        b"\x7fELF\2\1\1" + bytes(100),
        b"\xff\xfb\x90\x64" + bytes(4092),
        b"\xff\xf1\x4c\x80\x01\x1f\xfc" + bytes(4089),
    ],
)
def test_what_is_no_sound_is_no_container(data):
    assert sniff(data[:SNIFF_BYTES]) is None


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(data):
    assert sniff(data) in {None, *Container}


@pytest.mark.parametrize(("format_name", "codec", "container"), WRITTEN)
def test_a_beginning_cut_anywhere_gives_the_right_answer_or_none(format_name, codec, container):
    data = written(format_name, codec, duration_s=0.2)
    allowed = {None, container, Container.MP3} if data.startswith(b"ID3") else {None, container}
    assert {sniff(data[:length]) for length in range(200)} <= allowed


def test_the_formats_shown_begin_as_buena_prints_them():
    assert SUPPORTED_FORMATS[:4] == ("wav", "mp3", "m4a", "flac")
    assert set(SUPPORTED_FORMATS) == set(Container)


@pytest.mark.parametrize("container", list(Container))
def test_every_container_has_a_media_type(container):
    assert container.media_type.startswith("audio/")
