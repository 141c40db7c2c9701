"""What every declared engine must say of itself, so that recordings can be fitted to it before anything is created."""

from datetime import date
from typing import get_args

import pytest

from api.doors.native_answers import Bounds, EngineOf
from shared.vendors import ENGINES
from shared.vendors.engines import Engine, Limits, Range, SentContainer

DECLARED = [
    pytest.param(vendor, name, engine, id=f"{vendor}-{name}")
    for vendor, engines in ENGINES.items()
    for name, engine in engines.items()
]
every_engine = pytest.mark.parametrize(("vendor", "name", "engine"), DECLARED)


def ranges(limits: Limits) -> dict[str, Range]:
    return {field: value for field in Limits.__dataclass_fields__ if isinstance(value := getattr(limits, field), Range)}


@every_engine
def test_an_engine_is_registered_under_its_own_name(vendor: str, name: str, engine: Engine) -> None:
    assert engine.name == name
    assert vendor == vendor.lower()


@every_engine
def test_a_range_begins_before_it_ends_and_not_below_nothing(vendor: str, name: str, engine: Engine) -> None:
    for field, limits in ranges(engine.limits).items():
        least, most = limits.least or 0.0, limits.most
        assert least >= 0, field
        assert most is None or least <= most, field
        assert most is None or most > 0, field


@every_engine
def test_it_takes_files_and_a_name_and_counts_them_whole(vendor: str, name: str, engine: Engine) -> None:
    limits = engine.limits
    for counted in (limits.files, limits.name_chars):
        assert counted.least is not None
        assert counted.least >= 1
        assert counted.most is None or float(counted.most).is_integer()


@every_engine
def test_its_files_can_add_up_to_its_total(vendor: str, name: str, engine: Engine) -> None:
    limits = engine.limits
    if limits.total_s.least and limits.files.most and limits.file_s.most:
        assert limits.files.most * limits.file_s.most >= limits.total_s.least
    if limits.total_s.most and limits.file_s.least:
        assert limits.file_s.least <= limits.total_s.most


@every_engine
def test_what_is_best_can_be_sent(vendor: str, name: str, engine: Engine) -> None:
    limits, best_s = engine.limits, engine.limits.best_s
    if best_s is None:
        return
    assert (limits.file_s.least or 0) <= best_s
    assert (limits.total_s.least or 0) <= best_s <= (limits.total_s.most or best_s)
    if limits.files.most and limits.file_s.most:
        assert best_s <= limits.files.most * limits.file_s.most
    if limits.files.most and limits.file_bytes.most and limits.rate_hz:
        as_wav = best_s * limits.rate_hz * 2
        assert as_wav <= limits.files.most * limits.file_bytes.most


@every_engine
def test_an_engine_of_one_file_says_how_much_is_best(vendor: str, name: str, engine: Engine) -> None:
    assert engine.limits.files.most != 1 or engine.limits.best_s is not None


@every_engine
def test_it_takes_a_container_that_can_be_written(vendor: str, name: str, engine: Engine) -> None:
    containers = engine.limits.containers
    assert containers
    assert len(set(containers)) == len(containers)
    assert set(containers) <= set(get_args(SentContainer))


@every_engine
def test_its_rate_carries_a_voice(vendor: str, name: str, engine: Engine) -> None:
    assert engine.limits.rate_hz is None or engine.limits.rate_hz >= 24_000


@every_engine
def test_it_says_where_it_is_stated_and_when_that_was_read(vendor: str, name: str, engine: Engine) -> None:
    assert engine.limits.source.strip()
    assert date(2026, 11, 1) <= engine.limits.checked


@every_engine
def test_it_is_waited_for_longer_than_it_takes(vendor: str, name: str, engine: Engine) -> None:
    assert engine.call_timeout_s > 0
    assert engine.listing_lag_s >= 0
    assert 0 < engine.poll_every_s <= engine.training_typical_s < engine.training_deadline_s


@every_engine
def test_its_noise_removal_is_a_parameters_name_or_nothing(vendor: str, name: str, engine: Engine) -> None:
    assert engine.limits.own_denoise is None or engine.limits.own_denoise.isidentifier()


def test_every_range_is_shown_to_clients() -> None:
    shown = {field for field, found in EngineOf.model_fields.items() if found.annotation is Bounds}
    assert len(shown) == len(ranges(ENGINES["sandbox"]["default"].limits))
