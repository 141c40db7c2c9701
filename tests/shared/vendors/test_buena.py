"""Buena: its limits, and the many shapes in which its pages say the same."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import (
    VendorAuth,
    VendorError,
    VendorProtocol,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorVoiceInUse,
    VendorVoiceNotFound,
)
from shared.vendors.buena import ENGINES, Buena
from shared.vendors.engines import Range
from shared.vendors.protocol import Training, TrainingState
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.buena import KEY, FakeBuena
from tests.shared.vendors.calling import MARKER, an_order, recordings

both_tongues = pytest.mark.parametrize("as_client", [False, True], ids=["as its pages", "as its client"])


@pytest.fixture
def fake() -> Iterator[FakeBuena]:
    vendor = FakeBuena()
    with vendor.running():
        yield vendor


@pytest.fixture
def buena(fake: FakeBuena) -> Buena:
    return Buena(KEY, fake.base_url)


def test_it_takes_one_to_ten_files_under_fifty_megabytes() -> None:
    limits = ENGINES["default"].limits
    assert limits.files == Range(1, 10)
    assert limits.file_bytes.most is not None
    assert limits.file_bytes.most < 50_000_000


def test_it_is_asked_no_more_often_than_its_rate_limit_allows_five_clones_at_once() -> None:
    assert 5 * 60 / ENGINES["default"].poll_every_s <= 60
    assert Buena(KEY, "http://127.0.0.1:9").calls_per_minute == 60


@pytest.mark.parametrize("answers_200", [False, True])
def test_created_and_ok_both_mean_a_voice(buena: Buena, fake: FakeBuena, tmp_path: Path, answers_200: bool) -> None:
    fake.answers_200 = answers_200
    order = an_order(description="For the shop")
    voice_id = buena.submit("default", order, recordings(tmp_path, 10, container="flac"), MARKER).voice_id
    assert fake.voices[voice_id].description == f"For the shop [{MARKER}]"
    call = fake.calls[-1]
    assert [upload.field for upload in call.uploads] == ["files"] * 10
    assert call.texts == {"name": ["Anna"], "description": [f"For the shop [{MARKER}]"]}


def test_a_clone_without_a_description_carries_the_marker_alone(buena: Buena, fake: FakeBuena, tmp_path: Path) -> None:
    voice_id = buena.submit("default", an_order(), recordings(tmp_path), MARKER).voice_id
    assert fake.voices[voice_id].description == f"[{MARKER}]"


def test_settings_are_sent_when_somebody_asks_for_them_and_others_are_named(
    buena: Buena, fake: FakeBuena, tmp_path: Path
) -> None:
    order = an_order(voice_settings={"stability": 0.4, "speed": 2})
    made = buena.submit("default", order, recordings(tmp_path), MARKER)
    assert fake.voices[made.voice_id].settings == '{"stability": 0.4}'
    assert made.notes == ("Buena knows no settings speed; they were not sent.",)


def test_an_answer_without_an_id_is_not_taken_for_a_voice(buena: Buena, fake: FakeBuena, tmp_path: Path) -> None:
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 201, {"success": True, "data": {"voiceId": ""}}))
    with pytest.raises(VendorProtocol):
        buena.submit("default", an_order(), recordings(tmp_path), MARKER)


def test_voices_are_found_on_every_page_and_the_oldest_comes_first(buena: Buena, fake: FakeBuena) -> None:
    for number in range(120):
        fake.have(f"other {number}")
    newer, older = fake.have("Anna", f"shop [{MARKER}]"), fake.have("Anna", f"[{MARKER}]")
    newer.created_at, older.created_at = "2026-11-20T10:00:00.000Z", "2026-11-20T09:00:00.000Z"
    fake.have("Anna", f"[{MARKER}0]")
    assert [found.voice_id for found in buena.find("default", MARKER)] == [older.id, newer.id]
    assert [call.query["offset"] for call in fake.calls] == ["0", "100"]


def test_with_a_status_the_training_is_told_in_percents(buena: Buena, fake: FakeBuena) -> None:
    voice = fake.have("Anna")
    fake.training_s = 3600.0
    assert buena.poll("default", voice.id) == Training(TrainingState.TRAINING, 0.0)
    fake.finish()
    assert buena.poll("default", voice.id) == Training(TrainingState.READY, 1.0)
    voice.failure = "Audio too noisy"
    assert buena.poll("default", voice.id) == Training(TrainingState.FAILED, 1.0, "Audio too noisy")
    voice.status = "archived"
    assert buena.poll("default", voice.id).state is TrainingState.UNKNOWN


def test_without_a_status_an_active_voice_is_ready(buena: Buena, fake: FakeBuena) -> None:
    fake.lists_status, fake.training_s = False, 3600.0
    voice = fake.have("Anna")
    assert buena.poll("default", voice.id) == Training(TrainingState.TRAINING)
    fake.finish()
    assert buena.poll("default", voice.id) == Training(TrainingState.READY)


def test_the_page_that_shows_a_single_voice_is_read_as_ours(buena: Buena, fake: FakeBuena) -> None:
    fake.lists_one, fake.training_s = True, 3600.0
    voice = fake.have("Anna")
    assert buena.poll("default", voice.id) == Training(TrainingState.TRAINING, 0.0)
    fake.finish()
    assert buena.poll("default", voice.id).state is TrainingState.READY


def test_a_voice_that_the_list_lacks_is_waited_for_until_the_deadline(buena: Buena, fake: FakeBuena) -> None:
    assert buena.poll("default", "nothing") == Training(TrainingState.UNKNOWN)
    fake.have("Anna")
    assert buena.poll("default", "nothing") == Training(TrainingState.UNKNOWN)


def test_a_full_plan_is_no_rate_limit_although_both_are_429(buena: Buena, fake: FakeBuena, tmp_path: Path) -> None:
    fake.most_voices = 0
    with pytest.raises(VendorQuota, match="Delete existing clones"):
        buena.submit("default", an_order(), recordings(tmp_path), MARKER)


@pytest.mark.parametrize(
    ("held", "headers", "more", "means"),
    [
        (5, {}, {}, VendorQuota),
        (4, {}, {}, VendorRateLimited),
        (0, {"x-ratelimit-remaining": "7"}, {}, VendorQuota),
        (5, {"x-ratelimit-remaining": "0"}, {}, VendorRateLimited),
        (5, {"retry-after": "9"}, {}, VendorRateLimited),
        (5, {}, {"retryAfter": 9}, VendorRateLimited),
    ],
)
def test_a_429_without_a_code_is_told_by_what_stands_beside_it(
    buena: Buena,
    fake: FakeBuena,
    tmp_path: Path,
    held: int,
    headers: dict[str, str],
    more: dict[str, object],
    means: type[VendorError],
) -> None:
    for number in range(held):
        fake.have(f"Voice {number}")
    body = {"success": False, "error": "Too many", **more}
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 429, body, headers))
    with pytest.raises(VendorError) as refused:
        buena.submit("default", an_order(), recordings(tmp_path), MARKER)
    assert type(refused.value) is means


@pytest.mark.parametrize(
    ("body", "headers", "wait_s"),
    [
        ({"retryAfter": 12}, {}, 12.0),
        ({"retryAfter": 12}, {"retry-after": "60"}, 12.0),
        ({}, {"retry-after": "9"}, 9.0),
        ({}, {}, 30.0),
        ({"retryAfter": -3}, {}, 0.0),
        ({"retryAfter": 1e9}, {}, 6 * 3600.0),
    ],
)
def test_a_rate_limit_says_how_long_in_its_body_or_its_header(
    buena: Buena, fake: FakeBuena, body: dict[str, object], headers: dict[str, str], wait_s: float
) -> None:
    fake.slow_down(body=body, headers=headers)
    with pytest.raises(VendorRateLimited) as refused:
        buena.find("default", MARKER)
    assert refused.value.retry_after_s == wait_s


@pytest.mark.parametrize("place", ["body", "header"])
def test_a_rate_limit_that_names_only_the_moment_is_waited_out(buena: Buena, fake: FakeBuena, place: str) -> None:
    resets_at = int(time.time()) + 3000
    if place == "body":
        fake.slow_down(body={"rateLimitInfo": {"limit": 60, "remaining": 0, "reset": resets_at, "window": "1m"}})
    else:
        fake.slow_down(headers={"x-ratelimit-reset": str(resets_at)})
    with pytest.raises(VendorRateLimited) as refused:
        buena.find("default", MARKER)
    assert 2000 < refused.value.retry_after_s <= 3000


@both_tongues
def test_a_deletion_that_must_wait_is_tried_again_and_one_that_is_done_is_no_error(
    buena: Buena, fake: FakeBuena, as_client: bool
) -> None:
    fake.speaks_as_client = as_client
    voice = fake.have("Anna")
    voice.campaigns = ["camp_1"]
    with pytest.raises(VendorVoiceInUse) as refused:
        buena.discard("default", voice.id)
    assert refused.value.retryable
    assert "when what speaks with it there has ended" in refused.value.message
    voice.campaigns = []
    for _ in range(2):
        buena.discard("default", voice.id)
    assert fake.ledger() == ()


@both_tongues
def test_the_vendors_words_are_shown_in_either_shape(
    buena: Buena, fake: FakeBuena, tmp_path: Path, as_client: bool
) -> None:
    fake.speaks_as_client = as_client
    [file] = recordings(tmp_path)
    file.path.write_bytes(b"no sound")
    with pytest.raises(VendorRejected) as refused:
        buena.submit("default", an_order(), [file], MARKER)
    assert "Unsupported audio format" in refused.value.message
    assert refused.value.details["vendor_status"] == 400


@both_tongues
def test_access_is_checked_by_a_call_that_needs_the_key(buena: Buena, fake: FakeBuena, as_client: bool) -> None:
    fake.have("Anna")
    assert "1 of 5 voices" in buena.check_access()
    fake.speaks_as_client = as_client
    with pytest.raises(VendorAuth):
        Buena("wrong-key", fake.base_url).check_access()


def test_a_voice_of_the_account_is_looked_up(buena: Buena, fake: FakeBuena) -> None:
    voice = fake.have("Anna", "For the shop")
    found = buena.look_up(voice.id)
    assert (found.voice_id, found.name, found.engine, found.description) == (
        voice.id, "Anna", "default", "For the shop",
    )  # fmt: skip
    with pytest.raises(VendorVoiceNotFound):
        buena.look_up("nothing")
