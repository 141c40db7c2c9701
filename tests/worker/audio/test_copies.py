"""What was decoded for measuring is read again for preparing, and changes nothing of what comes out."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from shared.errors import SourceMissing
from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence
from tests.worker.audio.studio import Studio, joined
from worker.audio.choose.planning import Target
from worker.audio.treat.prepared import Wish


@pytest.fixture(scope="module")
def noisy() -> tuple[Samples, int]:
    speech, rate_hz = clean_speech()
    return in_noise(0.3 * joined(silence(1.5, rate_hz), speech, silence(1.5, rate_hz)), 14.0), rate_hz


@pytest.mark.parametrize("rows", [(1, 1), (1, -1), (1, 0)])
@pytest.mark.parametrize(("denoise", "max_rate_hz"), [("on", None), ("off", None), ("off", 8_000)])
def test_what_was_decoded_before_gives_the_same_bytes(
    studio: Studio, noisy: tuple[Samples, int], rows: tuple[int, int], denoise: Literal["on", "off"],
    max_rate_hz: int | None,
) -> None:  # fmt: skip
    sound = noisy[0] * np.array(rows, np.float32)[:, None]  # mixed, one side for the other takes it away, or is dead
    source = studio.source(sound, noisy[1])
    target, wish = Target(max_rate_hz=max_rate_hz), Wish(denoise=denoise)
    [decoded] = studio.prepare(source, target=target, wish=wish)
    copied = studio.copied(source)
    assert copied.copy is not None
    assert copied.copy.exists()
    [read] = studio.prepare(copied, target=target, wish=wish)
    assert read.sha256 == decoded.sha256
    assert read.to_json() == decoded.to_json()


def test_it_is_not_decoded_again_where_a_copy_is_whole(studio: Studio, noisy: tuple[Samples, int]) -> None:
    source = studio.copied(studio.source(*noisy))
    assert source.copy is not None
    gone = replace(source, path=Path("/nowhere/voice.wav"))
    studio.prepare(gone)
    source.copy.write_bytes(source.copy.read_bytes()[:-4])
    with pytest.raises(SourceMissing):
        studio.prepare(gone)


def test_an_offset_that_is_taken_off_is_not_in_what_is_sent(studio: Studio, noisy: tuple[Samples, int]) -> None:
    source = studio.source(noisy[0] + np.float32(0.1), noisy[1])
    [decoded], [read] = studio.prepare(source), studio.prepare(studio.copied(source))
    assert source.examination.inspection.mix.offset > 0.05
    assert read.sha256 == decoded.sha256
