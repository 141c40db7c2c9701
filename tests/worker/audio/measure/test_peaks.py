import json

import numpy as np
import pytest

from tests.worker.audio.signals import Samples, tone
from worker.audio.measure.peaks import MAX_BUCKETS, PeakMeter, Peaks


def measured(sound: Samples, piece: int) -> Peaks:
    meter = PeakMeter(sound.shape[0])
    for start in range(0, sound.shape[1], piece):
        meter.add(sound[:, start : start + piece])
    return meter.peaks()


@pytest.mark.parametrize("frames", [1, 999, 1_000, 1_001, 1_999, 2_000, 2_001, 64_000, 64_001, 1_000_003])
def test_no_length_gives_more_than_the_table_holds_and_nothing_is_lost(frames: int) -> None:
    sound = np.random.default_rng(frames).uniform(-0.9, 0.9, (1, frames)).astype(np.float32)
    pairs = measured(sound, 4_097).pairs
    assert min(frames, MAX_BUCKETS // 2) <= len(pairs) <= MAX_BUCKETS
    each = 1
    while -(-frames // each) > MAX_BUCKETS:
        each *= 2
    expected = [
        (round(float(part.min()) * 127), round(float(part.max()) * 127))
        for part in np.split(sound[0], range(each, frames, each))
    ]
    assert list(pairs) == expected


@pytest.mark.parametrize("piece", [1, 7, 500, 1_000, 16_384, 100_000])
def test_the_outline_does_not_depend_on_how_the_stream_is_cut(piece: int) -> None:
    sound = tone(0.5, 48_000, hz=3.0)
    assert measured(sound, piece) == measured(sound, 24_000)


def test_rows_are_kept_apart() -> None:
    meter = PeakMeter(2)
    meter.add(np.concatenate((tone(1.0, 8_000), 0.5 * tone(1.0, 8_000))))
    assert max(high for _, high in meter.peaks(0).pairs) == 64
    assert max(high for _, high in meter.peaks(1).pairs) == 32


def test_an_offset_is_not_drawn_and_nothing_leaves_the_scale() -> None:
    meter = PeakMeter(1)
    meter.add(np.array([[0.5, 1.5, -2.0]], np.float32))
    assert meter.peaks(offset=0.5).pairs == ((0, 0), (127, 127), (-127, -127))


def test_nothing_has_no_outline() -> None:
    assert PeakMeter(1).peaks().pairs == ()


def test_an_outline_survives_being_stored() -> None:
    peaks = measured(tone(1.0, 8_000), 8_000)
    assert Peaks.from_json(json.loads(json.dumps(peaks.to_json()))) == peaks
    assert len(json.dumps(peaks.to_json())) < 14_000
