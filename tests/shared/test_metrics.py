"""The list of metrics: names as Prometheus wants them, labels that cannot grow, each process telling its own part."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared import metrics
from shared.metrics import LIST, PROCESSES, Listed
from shared.states import Queue

# Words that come from our code. An id, an account or a client's text among them would grow without end.
BOUNDED = {"stage", "status", "queue", "vendor", "engine", "code", "ending", "kind", "outcome"}
UNITS = ("_seconds", "_bytes")


@pytest.mark.parametrize("listed", LIST.values(), ids=LIST)
def test_a_name_says_what_it_is_and_its_labels_are_few(listed: Listed) -> None:
    assert re.fullmatch(r"clonepipe(_[a-z]+)+", listed.name)
    assert listed.name.endswith("_total") == (listed.kind == "counter")
    if listed.kind == "histogram" or "_age_" in listed.name:
        assert listed.name.endswith(UNITS)
    assert set(listed.labels) <= BOUNDED
    assert listed.what
    assert not listed.what.endswith(".")
    assert set(listed.who) <= set(PROCESSES)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_tells_its_part_of_the_list_and_how_it_is_itself(process: str) -> None:
    page = metrics.page(process).decode()
    told = {family.name for family in text_string_to_metric_families(page)}
    told = {name if name in LIST else f"{name}_total" for name in told if name.startswith("clonepipe_")}
    own = {name for name, listed in LIST.items() if process in listed.who}
    assert told <= own
    assert own - told <= {
        name for name, listed in LIST.items() if metrics.RELAY in listed.who and metrics.API in listed.who
    }
    assert "process_resident_memory_bytes" in page


def test_a_counter_of_queues_begins_at_nought() -> None:
    page = metrics.page(metrics.RELAY).decode()
    for queue in (Queue.AUDIO, Queue.VENDOR):
        assert f'clonepipe_lease_expiries_total{{queue="{queue}"}}' in page


def test_no_time_of_birth_is_told() -> None:
    metrics.UPLOADED.inc(0)
    assert "_created" not in metrics.page(metrics.API).decode()
