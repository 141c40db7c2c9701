"""Files that were cut are told apart from whole ones, those of encoders that know no end included."""

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker.audio.signals import Samples, tone, wav_bytes, white_noise, write, write_av
from tests.worker.audio.studio import Studio
from worker.audio.files.completeness import cut_off
from worker.audio.inspector import Inspection, listen

Make = Callable[[Path], Path]

OGGS: dict[str, Make] = {
    "libsndfile's Vorbis": lambda path: write(path / "a.ogg", tone(3.0, 44_100), 44_100, subtype="VORBIS"),
    "libsndfile's Opus": lambda path: write(path / "a.ogg", tone(3.0, 48_000), 48_000, subtype="OPUS"),
    "FFmpeg's Opus": lambda path: write_av(path / "a.ogg", tone(3.0, 48_000), 48_000, codec="libopus", form="ogg"),
    "FFmpeg's FLAC": lambda path: write_av(path / "a.ogg", tone(3.0, 48_000), 48_000, codec="flac", form="ogg"),
}


def found(data: bytes) -> str | None:
    source = io.BytesIO(data)
    words = cut_off(source)
    assert source.tell() == 0
    return words


def pages(data: bytes) -> list[int]:
    """Return where the pages of an Ogg file begin."""
    at, starts = 0, []
    while at < len(data):
        assert data[at : at + 4] == b"OggS"
        starts.append(at)
        table = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(table) + sum(table)
    return starts


@pytest.mark.parametrize("make", OGGS.values(), ids=list(OGGS))
def test_an_ogg_file_is_whole_to_its_last_byte_and_cut_without_it(tmp_path: Path, make: Make) -> None:
    data = make(tmp_path).read_bytes()
    last = pages(data)[-1]
    assert found(data) is None
    assert found(data + b"TAG" + bytes(125)) is None, "what others append says nothing"
    for length in [*range(last + 1, last + 40), (last + len(data)) // 2, len(data) - 1]:
        assert found(data[:length]), f"{length - last} bytes of the last page of {len(data) - last}"


@pytest.mark.parametrize("make", OGGS.values(), ids=list(OGGS))
def test_an_ogg_stream_whose_last_page_ends_nothing_is_told_of(tmp_path: Path, make: Make) -> None:
    data = make(tmp_path).read_bytes()
    for start in pages(data)[1:]:
        page = next(at for at in reversed(pages(data)) if at < start)
        goes_on = data[page + 26 + data[page + 26]] == 255
        words = "its last packet has no end" if goes_on else "its last page does not say that the recording ends there"
        assert found(data[:start]) == words


def test_a_packet_without_an_end_is_cut() -> None:
    page = b"OggS\0\4" + bytes(20) + bytes([2, 255, 255]) + bytes(510)
    assert found(page) == "its last packet has no end"
    assert found(page.replace(b"\x02\xff\xff", b"\x02\xff\xfe")[:-1]) is None


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_caf_file_is_held_against_what_its_sound_announces(tmp_path: Path, subtype: str) -> None:
    data = write(tmp_path / "a.caf", tone(2.0, 44_100), 44_100, subtype=subtype).read_bytes()
    assert found(data) is None
    assert found(data + b"info" + (4).to_bytes(8, "big") + bytes(2)) is None, "the sound is whole"
    assert found(data[:-1]) == "1 bytes are missing at the end"
    at = data.index(b"data") + 4
    streamed = data[:at] + (-1).to_bytes(8, "big", signed=True) + data[at + 8 :]
    assert found(streamed[: len(data) // 2]) is None


@pytest.mark.parametrize("data_bytes", [0, 0x7FFFF000 - 36, 0xFFFFFFFF])
def test_a_wav_file_that_could_not_know_its_length_is_whole(data_bytes: int) -> None:
    data = wav_bytes(tone(1.0, 16_000), 16_000, data_bytes=data_bytes)
    assert found(data) is None


def test_a_wav_file_is_held_against_what_it_announces() -> None:
    data = wav_bytes(tone(1.0, 16_000), 16_000)
    assert (found(data), found(data[:-100])) == (None, "100 bytes are missing at the end")


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0", b"caff", b"caff" + bytes(16), b"OggS", b"OggS" + bytes(40)])
def test_a_stub_of_any_kind_is_looked_at_without_harm(data: bytes) -> None:
    found(data)


WHOLE: dict[str, Make] = {
    name: lambda path, name=name: write(path / name, white_noise(10.0, 44_100), 44_100)  # type: ignore[misc]
    for name in ("a.wav", "a.rf64", "a.w64", "a.aiff", "a.caf", "a.au", "a.flac")
} | {
    "ulaw.wav": lambda path: write(path / "a.wav", white_noise(10.0, 44_100), 44_100, subtype="ULAW"),
    "float.wav": lambda path: write(path / "a.wav", white_noise(10.0, 44_100), 44_100, subtype="FLOAT"),
    "vorbis.ogg": lambda path: write(path / "a.ogg", white_noise(10.0, 44_100), 44_100, subtype="VORBIS"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_missing_of_a_cut_file_is_measured_against_its_header(studio: Studio, name: str) -> None:
    sound, limits = WHOLE[name](studio.folder), studio.limits
    for kept in (1.0, 0.97, 0.5):
        cut = studio.folder / "cut"
        cut.write_bytes(sound.read_bytes()[: round(sound.stat().st_size * kept)])
        found = listen(studio.decoder, cut, filename=name, limits=limits, progress=lambda _: None).inspection
        is_told = any(warning.startswith("truncated:") for warning in found.warnings)
        assert is_told or kept > 0.95, found.warnings
        if name.endswith("ogg"):
            assert found.measures.missing_share == (None if kept < 1 else 0.0)
        else:
            assert found.measures.missing_share == pytest.approx(1 - kept, abs=0.02)
            assert found.measures.missing_share == 0.0 or kept < 1


@pytest.mark.parametrize("riff_bytes", [0, 36, None], ids=["none", "never set", "right"])
def test_a_wav_whose_sound_claims_hours_is_told_whatever_its_own_size_is(
    studio: Studio, riff_bytes: int | None
) -> None:
    whole = wav_bytes(white_noise(5.0, 16_000), 16_000)
    size_bytes = len(whole) - 8 if riff_bytes is None else riff_bytes
    lying = bytearray(whole)
    lying[4:8] = size_bytes.to_bytes(4, "little")
    lying[40:44] = (2 * 16_000 * 36_000).to_bytes(4, "little")
    measured = inspected(studio, bytes(lying))
    assert "truncated: the header claims 36000.00 s, 5.00 s could be decoded" in measured.warnings
    assert measured.measures.missing_share == pytest.approx(1.0, abs=0.001)
    lying[40:44] = whole[40:44]
    assert inspected(studio, bytes(lying)).measures.missing_share == 0.0, "only its own size is wrong"


@pytest.mark.parametrize("name", ["a.wav", "a.w64"])
def test_what_follows_a_whole_file_is_not_claimed_by_it(studio: Studio, name: str) -> None:
    data = write(studio.folder / name, white_noise(5.0, 16_000), 16_000).read_bytes()
    measured = inspected(studio, data + data)
    assert [warning for warning in measured.warnings if "claims" in warning] == []
    assert measured.measures.missing_share == 0.0


@pytest.mark.parametrize("rate_bytes_s", [1, 32_000, 2**32 - 1])
def test_a_wrong_number_of_bytes_a_second_loses_nothing(studio: Studio, rate_bytes_s: int) -> None:
    lying = bytearray(wav_bytes(white_noise(5.0, 16_000), 16_000))
    lying[28:32] = rate_bytes_s.to_bytes(4, "little")
    measured = inspected(studio, bytes(lying))
    assert (measured.warnings, measured.measures.missing_share) == ((), 0.0)


@pytest.mark.parametrize("kind", ["adpcm", "flac"])
@pytest.mark.parametrize("is_cut", [False, True])
def test_a_header_that_says_too_much_is_no_lost_sound_unless_it_is(studio: Studio, kind: str, is_cut: bool) -> None:
    sound = white_noise(10.0, 48_000)
    if kind == "flac":
        lying = bytearray(write(studio.folder / "a.flac", sound, 48_000).read_bytes())
        lying[22:26] = (40 * 48_000).to_bytes(4, "big")
    else:
        lying = bytearray(write(studio.folder / "a.wav", sound, 48_000, subtype="IMA_ADPCM").read_bytes())
        at = lying.index(b"fact") + 8
        lying[at : at + 4] = (40 * 48_000).to_bytes(4, "little")
    measured = inspected(studio, bytes(lying[: len(lying) // 2] if is_cut else lying))
    (told,) = measured.warnings
    assert told.startswith("truncated: " if is_cut else "header: it says 40.00 s, 10.0"), told
    assert (measured.measures.missing_share == 0.0) is not is_cut


def wider(data: bytes, mark: bytes, skip: int, form: str, value: float) -> bytes:
    """Write another number `skip` bytes after the first `mark`."""
    lying = bytearray(data)
    struct.pack_into(form, lying, data.index(mark) + skip, value)
    return bytes(lying)


LYING: dict[str, Callable[[Path, Samples], bytes]] = {
    "AIFF": lambda path, sound: wider(write(path / "a.aiff", sound, 48_000).read_bytes(), b"COMM", 10, ">I", 1_920_000),
    "MP3": lambda path, sound: wider(write(path / "a.mp3", sound, 48_000).read_bytes(), b"Xing", 8, ">I", 1667),
    "WebM": lambda path, sound: wider(
        write_av(path / "a.webm", sound, 48_000, codec="libopus", form="webm").read_bytes(),
        b"\x44\x89\x88",
        3,
        ">d",
        40_000.0,
    ),
}


@pytest.mark.parametrize("make", LYING.values(), ids=list(LYING))
def test_a_duration_that_is_longer_than_the_sound_is_the_headers_error(
    studio: Studio, make: Callable[[Path, Samples], bytes]
) -> None:
    lying = make(studio.folder, white_noise(10.0, 48_000))
    (told,) = inspected(studio, lying).warnings
    assert re.fullmatch(r"header: it says (40|39.98|40.01).*, (10.0.|9.9.) s were decoded; nothing is cut off", told), (
        told
    )
    cut = inspected(studio, lying[: len(lying) // 2])
    assert any(each.startswith("truncated: ") for each in cut.warnings), cut.warnings
    assert cut.measures.missing_share == pytest.approx(0.875, abs=0.02)


@pytest.mark.parametrize("rate_hz", [24_000, 96_000])
def test_a_flac_whose_header_names_another_rate_than_its_frames_has_lost_nothing(studio: Studio, rate_hz: int) -> None:
    lying = bytearray(write(studio.folder / "a.flac", white_noise(10.0, 48_000), 48_000).read_bytes())
    lying[18:21] = (rate_hz << 4 | lying[20] & 0xF).to_bytes(3, "big")
    measured = inspected(studio, bytes(lying))
    assert (measured.warnings, measured.measures.missing_share) == ((), 0.0)
    assert (measured.rate_hz, measured.duration_s) == (48_000, 10.0)
    *_, told = inspected(studio, bytes(lying[: len(lying) // 2])).warnings
    assert told.startswith(("truncated: the header claims 10.00 s, 5.0", "truncated: the header claims 10.00 s, 4.9"))


def inspected(studio: Studio, data: bytes) -> Inspection:
    path = studio.folder / "found"
    path.write_bytes(data)
    return listen(studio.decoder, path, filename="found", limits=studio.limits, progress=lambda _: None).inspection
