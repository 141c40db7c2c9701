"""What ends inside of something that it began is told of, and what is whole is not, whatever follows it."""

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from tests.worker.audio.signals import tone, white_noise
from tests.worker.audio.studio import Studio
from worker.audio.files.endings import unfinished
from worker.audio.inspector import listen

FORMS: dict[str, tuple[str, str, dict[str, str], bool]] = {
    "webm": ("libopus", "webm", {}, True),
    "webm of a browser": ("libopus", "webm", {"live": "1"}, False),
    "mkv": ("flac", "matroska", {}, True),
    "fragmented mp4": ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}, True),
    "adts": ("aac", "adts", {}, True),
    "mp3": ("libmp3lame", "mp3", {}, True),
    "mp3 of a stream": ("libmp3lame", "mp3", {"write_xing": "0", "id3v2_version": "0"}, False),
    "mp2": ("mp2", "mp2", {}, True),
}


class Pipe(io.BytesIO):
    """A target that cannot go back, as a browser's recorder and a stream cannot."""

    def seekable(self) -> bool:
        return False


def written(codec: str, form: str, options: dict[str, str], goes_back: bool, samples: Any) -> bytes:
    target = io.BytesIO() if goes_back else Pipe()
    with av.open(target, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono", bit_rate=64_000)
        assert isinstance(stream, AudioStream)
        for start in range(0, samples.shape[1], 960):
            piece = np.ascontiguousarray(samples[:, start : start + 960])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        data = target.getvalue() if not goes_back else b""
    return target.getvalue() or data


@pytest.fixture(params=FORMS, scope="module")
def whole(request: pytest.FixtureRequest) -> bytes:
    return written(*FORMS[request.param], tone(4.0, 48_000))


def found(data: bytes) -> str | None:
    source = io.BytesIO(data)
    words = unfinished(source)
    assert source.tell() == 0
    return words


def test_what_is_whole_is_whole_whatever_follows(whole: bytes) -> None:
    assert found(whole) is None
    assert found(whole + b"TAG" + bytes(125)) is None
    assert found(whole + b"\r\n") is None


def test_what_breaks_off_is_told_nearly_wherever_it_does(whole: bytes) -> None:
    cuts = range(len(whole) // 4, len(whole) - 1, len(whole) // 97)
    told = [found(whole[:length]) for length in cuts]
    # Between two of its parts, or inside a head, nothing is begun that could be seen to miss its end.
    assert sum(words is not None for words in told) > 0.8 * len(told), told
    assert all(words is None or "missing" in words for words in told)


@pytest.mark.parametrize(
    "data", [b"", b"\x1a\x45\xdf\xa3", b"\xff" * 64, b"\0" * 64, b"\1\0\0\0ftyp", b"ID3\4\0\0\x7f\x7f\x7f\x7f"]
)
def test_what_is_not_understood_is_not_judged(data: bytes) -> None:
    assert found(data) is None or "missing" in str(found(data))


@pytest.mark.parametrize("name", ["webm of a browser", "fragmented mp4", "adts", "mp3 of a stream"])
def test_a_recording_that_breaks_off_without_a_duration_says_so(studio: Studio, name: str) -> None:
    data = written(*FORMS[name], white_noise(6.0, 48_000))
    length = next(at for at in range(len(data) // 2, len(data)) if found(data[:at]) is not None)
    path = studio.folder / "cut"
    path.write_bytes(data[:length])
    assert any("truncated" in one for one in heard(studio, path))
    path.write_bytes(data)
    assert not any("truncated" in one for one in heard(studio, path))


def heard(studio: Studio, path: Path) -> tuple[str, ...]:
    return listen(
        studio.decoder, path, filename="cut", limits=studio.limits, progress=lambda _: None
    ).inspection.warnings
