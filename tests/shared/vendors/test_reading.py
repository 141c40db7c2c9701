"""Answers are read leniently: what is missing or of another type is None, and nothing raises."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.vendors.reading import at, each, first_list, flag, moment, number, text, whole

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(ANYTHING)
def test_nothing_that_a_vendor_may_send_raises(value: Any) -> None:
    for read in (text, number, whole, flag, moment):
        read(value)
    list(each(value))
    first_list(value, at(value, "a", 0, "b"))


def test_a_path_ends_where_it_breaks_off() -> None:
    value = {"a": [{"b": 1}, None]}
    assert at(value, "a", 0, "b") == 1
    assert at(value, "a", -2, "b") == 1
    for path in (("x",), ("a", 5), ("a", -3), ("a", "b"), ("a", 1, "b"), ("a", 0, 0), ("a", 0, "b", "c")):
        assert at(value, *path) is None
    assert at("text", 0) is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("a", "a"),
        (" a ", "a"),
        ("  ", None),
        ("", None),
        (7, "7"),
        (True, None),
        (1.5, None),
        (None, None),
        (["a"], None),
    ],
)
def test_a_text_is_not_blank_and_a_whole_number_is_one(value: Any, read: str | None) -> None:
    assert text(value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [(1, 1.0), (1.5, 1.5), ("2.5", 2.5), (" 3 ", 3.0), ("x", None), (True, None), (float("nan"), None),
     ("inf", None), (10**400, None), (None, None), ([1], None)],
)  # fmt: skip
def test_a_number_is_finite(value: Any, read: float | None) -> None:
    assert number(value) == read


def test_a_whole_number_is_cut_and_not_rounded() -> None:
    assert (whole("3"), whole(3.9), whole("x")) == (3, 3, None)


@pytest.mark.parametrize(
    ("value", "read"),
    [(True, True), (False, False), ("true", True), (" False ", False), ("yes", None), (1, None), (None, None)],
)
def test_true_and_false_are_also_written_as_text(value: Any, read: bool | None) -> None:
    assert flag(value) is read


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-20T10:00:00Z",
        "2026-11-20T10:00:00",
        "2026-11-20T11:00:00+01:00",
        1795168800,
        1795168800000,
        "1795168800",
    ],
)
def test_a_moment_is_read_from_iso_seconds_and_milliseconds(value: Any) -> None:
    read = moment(value)
    assert read == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_moment_keeps_its_zone_and_nonsense_is_none() -> None:
    assert moment("2026-11-20T11:00:00+01:00") == datetime(2026, 11, 20, 11, tzinfo=timezone(timedelta(hours=1)))
    for value in ("yesterday", "", 1e300, -1e300, None, [], {}, True):
        assert moment(value) is None


def test_only_objects_of_a_list_are_walked() -> None:
    assert list(each([{"a": 1}, None, 2, [], {"b": 2}])) == [{"a": 1}, {"b": 2}]
    assert list(each({"a": 1})) == []
    assert first_list(None, {}, "x", [1], [2]) == [1]
    assert first_list(None, {}) is None
