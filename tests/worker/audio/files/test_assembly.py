import av
import numpy as np
import pytest

from tests.worker.audio.signals import Samples, tone
from worker.audio.files.assembly import Assembler


def _frame(samples: Samples, rate_hz: int, form: str) -> av.AudioFrame:
    scale, dtype = {"u8": (127, np.uint8), "s16": (32_767, np.int16), "s32": (2**31 - 128, np.int32)}.get(
        form.removesuffix("p"), (1, np.float32 if form.startswith("flt") else np.float64)
    )
    values = (samples.astype(np.float64) * scale + (128 if form.startswith("u8") else 0)).astype(dtype)
    if not form.endswith("p"):
        values = values.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(values), format=form, layout={1: "mono", 2: "stereo"}[samples.shape[0]]
    )
    frame.sample_rate = rate_hz
    return frame


@pytest.mark.parametrize("form", ["u8", "u8p", "s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp"])
def test_every_sample_format_means_the_same_sound(form: str) -> None:
    sound = tone(0.5, 8_000, channels=2) * np.array([[1.0], [0.5]], np.float32)
    frame = _frame(sound, 8_000, form)
    assembler = Assembler(frame)
    assert list(assembler.add(frame)) == []
    (block,) = assembler.finish()
    assert block.shape == (2, 4_000)
    assert np.abs(block - sound).max() < (2e-2 if form.startswith("u8") else 1e-4)


def test_frames_of_any_length_make_blocks_of_a_second() -> None:
    sound = tone(2.75, 8_000)
    pieces = [_frame(sound[:, start : start + 3_000], 8_000, "fltp") for start in range(0, 22_000, 3_000)]
    assembler = Assembler(pieces[0])
    blocks = [block.copy() for piece in pieces for block in assembler.add(piece)]
    blocks += [block.copy() for block in assembler.finish()]
    assert [block.shape[1] for block in blocks] == [8_000, 8_000, 6_000]
    assert np.array_equal(np.concatenate(blocks, axis=1), sound)


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (8_000, 2), (44_100, 2)])
def test_a_frame_of_another_kind_is_converted_and_told_once(rate_hz: int, channels: int) -> None:
    first = _frame(tone(0.4, 8_000), 8_000, "fltp")
    assembler = Assembler(first)
    blocks = [block.copy() for block in assembler.add(first)]
    for _ in range(2):
        blocks += [
            block.copy() for block in assembler.add(_frame(tone(0.4, rate_hz, channels=channels), rate_hz, "s16"))
        ]
    blocks += [block.copy() for block in assembler.add(first)]
    blocks += [block.copy() for block in assembler.finish()]
    joined = np.concatenate(blocks, axis=1)
    assert joined.shape[0] == 1
    assert joined.shape[1] / 8_000 == pytest.approx(1.6, abs=0.01)
    assert len(assembler.warnings) == 1
