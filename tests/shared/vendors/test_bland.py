"""Bland's limits, as its Clone Voice and Add Voice Sample pages state them."""

import pytest

from shared.vendors.bland import ENGINES
from shared.vendors.engines import Range


@pytest.mark.parametrize("name", ["btts_v3", "btts_v2"])
def test_the_newer_engines_take_one_wav_of_about_ten_seconds(name: str) -> None:
    limits = ENGINES[name].limits
    assert limits.files == Range(1, 1)
    assert limits.file_bytes.most == 10_000_000
    assert limits.best_s == 10
    assert limits.containers == ("wav",)


def test_the_oldest_engine_takes_five_samples_of_up_to_a_minute() -> None:
    limits = ENGINES["btts_v1"].limits
    assert (limits.files, limits.file_s) == (Range(1, 5), Range(1, 60))
    assert limits.containers == ("wav",)


def test_a_name_has_at_most_thirty_characters() -> None:
    assert {engine.limits.name_chars for engine in ENGINES.values()} == {Range(1, 30)}
