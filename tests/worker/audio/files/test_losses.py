"""What a flipped byte breaks is left out and told of, and never sent on as noise, where the file carries checksums."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.errors import AudioUnreadable
from tests.worker.audio.conftest import Decoded
from tests.worker.audio.signals import Samples, spoken, write, write_av
from tests.worker.audio.studio import Studio

Decode = Callable[[Path], Decoded]
Make = Callable[[Path, Samples], Path]

SUMMED: dict[str, Make] = {
    "flac": lambda path, sound: write(path / "a.flac", sound, 48_000),
    "flac of 24 bits": lambda path, sound: write(path / "a.flac", sound, 48_000, subtype="PCM_24"),
    "vorbis": lambda path, sound: write(path / "a.ogg", sound, 48_000, subtype="VORBIS"),
    "opus": lambda path, sound: write(path / "a.ogg", sound, 48_000, subtype="OPUS"),
    "flac in ogg": lambda path, sound: write_av(path / "a.ogg", sound, 48_000, codec="flac", form="ogg"),
    "flac in matroska": lambda path, sound: write_av(path / "a.mkv", sound, 48_000, codec="flac", form="matroska"),
}


def flipped(path: Path, count: int, *, seed: int = 3) -> Path:
    """Change bytes in the middle third of a file."""
    data, random = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for at in random.choice(np.arange(len(data) // 3, 2 * len(data) // 3), count, replace=False):
        data[at] ^= int(random.integers(1, 256))
    path.write_bytes(data)
    return path


def left_out_s(warnings: tuple[str, ...]) -> float:
    """Return the seconds that the one warning names."""
    (told,) = warnings
    assert told.startswith("damaged: ")
    return float(told.partition(" s ")[0].rpartition(" ")[2])


@pytest.mark.parametrize("make", SUMMED.values(), ids=list(SUMMED))
@pytest.mark.parametrize("count", [1, 12])
def test_what_its_checksum_gives_away_is_left_out_and_told(
    tmp_path: Path, decode: Decode, make: Make, count: int
) -> None:
    sound = np.float32(0.5) * spoken(10.0, 48_000)
    path = make(tmp_path, sound)
    _stream, whole = decode(path)
    stream, decoded = decode(flipped(path, count))
    lost_s = (whole.shape[1] - decoded.shape[1]) / 48_000
    assert 0.01 < lost_s < 6
    assert left_out_s(stream.warnings) == pytest.approx(lost_s, abs=0.02)
    assert np.abs(decoded).max() <= np.abs(whole).max() + 0.02, "no burst"


@pytest.mark.parametrize("at", ["first", "last"])
def test_a_broken_frame_at_either_end_of_a_flac_file_is_told(tmp_path: Path, decode: Decode, at: str) -> None:
    path = write(tmp_path / "a.flac", spoken(5.0, 48_000), 48_000)
    data = bytearray(path.read_bytes())
    data[data.index(b"\xff\xf8") + 600 if at == "first" else len(data) - 40] ^= 0x10
    path.write_bytes(data)
    stream, decoded = decode(path)
    assert 4.5 < decoded.shape[1] / 48_000 < 5.0
    assert stream.warnings != ()


def test_a_damaged_recording_is_used_and_no_clipping_is_made_of_it(studio: Studio) -> None:
    sound = np.float32(0.5) * spoken(20.0, 48_000)
    found = studio.inspect(flipped(write(studio.folder / "voice.flac", sound, 48_000), 8)).inspection
    assert left_out_s(found.warnings) == pytest.approx(20 - found.duration_s, abs=0.01)
    assert found.measures.missing_share == pytest.approx(1 - found.duration_s / 20, abs=0.001)
    assert found.measures.flat_tops_per_10k == 0.0


def test_of_a_recording_with_hardly_a_whole_piece_the_damage_is_the_error(studio: Studio) -> None:
    path = write(studio.folder / "voice.flac", spoken(5.0, 48_000), 48_000)
    data = bytearray(path.read_bytes())
    for at in range(9_000, len(data), 900):
        data[at] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(AudioUnreadable, match=r"voice\.flac cannot be decoded: it is damaged, and only 0\.\d\d s"):
        studio.inspect(path)


def test_a_flac_file_cut_out_of_a_stream_has_lost_nothing(tmp_path: Path, decode: Decode) -> None:
    path = write(tmp_path / "a.flac", spoken(5.0, 48_000), 48_000)
    data = path.read_bytes()
    start = data.index(b"\xff\xf8")
    second = data.index(data[start : start + 4], start + 100)
    path.write_bytes(
        data[:18] + (int.from_bytes(data[18:26], "big") >> 36 << 36).to_bytes(8, "big") + data[26:start] + data[second:]
    )
    stream, _decoded = decode(path)
    assert stream.warnings == ()
