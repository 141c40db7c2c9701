"""Which vendor a request means: one, several by preference, or none; and what cannot be meant."""

from collections.abc import Callable

import pytest

from tests.api.doors.conftest import SPEECH, Door

CLONES = "/api/v2/voice-clones"


@pytest.fixture
def bland_door(make_door: Callable[..., Door]) -> Door:
    """A door where Bland is configured beside the sandbox; nobody is called at intake."""
    return make_door(bland_api_key="k", bland_base_url="http://127.0.0.1:9")


def test_vendors_in_order_of_preference_are_kept(bland_door: Door) -> None:
    clone = bland_door.create(vendor="bland/btts_v2, sandbox ,bland")
    assert (clone["vendor"], clone["engine"]) == ("bland", "btts_v2")
    assert clone["fallbackVendors"] == ["sandbox/default", "bland/btts_v3"]


def test_one_real_vendor_is_meant_where_none_is_named(bland_door: Door) -> None:
    clone = bland_door.create()
    assert (clone["vendor"], clone["engine"], clone["fallbackVendors"]) == ("bland", "btts_v3", [])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vendor": "bland,bland/btts_v3"}, "twice"),
        ({"vendor": "bland,nobody"}, "no vendor 'nobody'"),
        ({"vendor": "bland/btts_v9"}, "no engine 'btts_v9'"),
        ({"vendor": "bland,sandbox", "engine": "btts_v2"}, "'vendor/engine'"),
        ({"vendor": "bland/btts_v3", "engine": "btts_v2"}, "'vendor/engine'"),
        ({"vendor": "bland,"}, "must be a word"),
        ({"vendor": ",".join(["bland"] * 9)}, "at most 8"),
        ({"vendor": "bland/btts_v1"}, "makes no new voices"),
        ({"vendor": "sandbox,bland", "name": "n" * 31}, "at most 30"),
    ],
)
def test_what_cannot_be_meant_is_refused(bland_door: Door, fields: dict[str, str], words: str) -> None:
    answer = bland_door.post(("a.flac", SPEECH), **{"name": "Anna", **fields})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")
    assert words in answer.json()["message"]
    assert bland_door.objects() == []


def test_an_engine_that_needs_the_language_says_so_before_anything_is_kept(make_door: Callable[..., Door]) -> None:
    door = make_door(elevenlabs_api_key="k", elevenlabs_base_url="http://127.0.0.1:9")
    answer = door.post(("a.flac", SPEECH), name="Anna", vendor="elevenlabs/pvc")
    refused = answer.json()
    assert (answer.status_code, refused["code"], refused["details"]["field"]) == (400, "MISSING_FIELD", "language")
    assert door.objects() == []
    assert door.create(vendor="elevenlabs/pvc", language="en")["engine"] == "pvc"


def test_a_check_is_against_one_engine(bland_door: Door) -> None:
    answer = bland_door.client.post(
        f"{CLONES}/check", data={"vendor": "bland,sandbox"}, files=[("files", ("a.flac", SPEECH))]
    )
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, "vendor")
