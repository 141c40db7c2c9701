"""An engine's limits become what is to be made for it: nothing is left out, nothing is made up."""

from dataclasses import replace

import pytest

from shared.vendors import ENGINES
from shared.vendors.engines import Engine, Range
from worker.audio.choose.planning import Target
from worker.stages.limits import least_s, target_of

OPEN = replace(
    ENGINES["sandbox"]["default"].limits,
    files=Range(), file_bytes=Range(), file_s=Range(), total_s=Range(), best_s=None, rate_hz=None, containers=("wav",),
)  # fmt: skip


def test_what_an_engine_does_not_state_is_no_limit() -> None:
    assert target_of(OPEN) == Target(container="wav")
    assert least_s(OPEN) is None


def test_every_maximum_is_passed_on() -> None:
    limits = replace(
        OPEN, files=Range(1, 3), file_bytes=Range(1, 4_000_000), file_s=Range(None, 15), total_s=Range(None, 60),
        best_s=12.0, rate_hz=24_000, containers=("flac", "wav"),
    )  # fmt: skip
    assert target_of(limits) == Target(
        container="flac", max_rate_hz=24_000, best_s=12.0, max_files=3, max_file_s=15, max_total_s=60,
        max_file_bytes=4_000_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("file_s", "total_s", "least"),
    [(Range(5, 10), Range(), 5), (Range(), Range(30, None), 30), (Range(5, 60), Range(30, None), 30)],
)
def test_the_fewest_seconds_are_those_of_a_file_or_of_all_whatever_is_more(
    file_s: Range, total_s: Range, least: float
) -> None:
    limits = replace(OPEN, file_s=file_s, total_s=total_s)
    assert least_s(limits) == target_of(limits).least_s == least


@pytest.mark.parametrize(
    "engine",
    [pytest.param(one, id=f"{vendor}/{one.name}") for vendor, all_ in ENGINES.items() for one in all_.values()],
)
def test_every_declared_engine_has_a_target(engine: Engine) -> None:
    target = target_of(engine.limits)
    assert target.container in ("wav", "flac")
    assert all(isinstance(limit, int | None) for limit in (target.max_files, target.max_file_bytes))
