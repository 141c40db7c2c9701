"""Retell's limits: counts of files by its own page, seconds and bytes by the maker behind each engine."""

import pytest

from shared.vendors.engines import Range
from shared.vendors.retell import ENGINES


@pytest.mark.parametrize(
    ("name", "files"),
    [("elevenlabs", 25), ("cartesia", 1), ("minimax", 1), ("fish_audio", 20), ("inworld", 3), ("platform", 25)],
)
def test_each_engine_takes_as_many_files_as_both_retell_and_its_maker_do(name: str, files: int) -> None:
    assert ENGINES[name].limits.files == Range(1, files)


@pytest.mark.parametrize(
    ("name", "file_s"),
    [("cartesia", Range(5, 10)), ("inworld", Range(5, 15)), ("minimax", Range(10, 300)), ("fish_audio", Range(10))],
)
def test_a_makers_seconds_hold_for_its_engine(name: str, file_s: Range) -> None:
    assert ENGINES[name].limits.file_s == file_s


def test_a_makers_bytes_hold_for_its_engine() -> None:
    assert ENGINES["minimax"].limits.file_bytes.most == 20_000_000
    assert ENGINES["inworld"].limits.file_bytes.most == 4_000_000


def test_retells_call_reaches_no_noise_removal() -> None:
    assert {engine.limits.own_denoise for engine in ENGINES.values()} == {None}
