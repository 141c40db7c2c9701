"""ElevenLabs' limits as its pages state them, and its instant clones against a fake at the wire."""

import json
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
    VendorVoiceNotFound,
)
from shared.vendors.elevenlabs import ENGINES, ElevenLabs
from shared.vendors.engines import Range
from shared.vendors.protocol import Extensible, TrainingState, Vendor, Verifiable
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.elevenlabs import FakeElevenLabs
from tests.shared.vendors.eleven import MARKER, a_file, adapter, an_order


@pytest.fixture
def fake() -> Iterator[FakeElevenLabs]:
    vendor = FakeElevenLabs()
    with vendor.running():
        yield vendor


def test_an_instant_clone_is_made_of_a_minute_or_two() -> None:
    limits = ENGINES["ivc"].limits
    assert limits.best_s is not None
    assert 60 <= limits.best_s <= 120


def test_two_minutes_as_flac_stay_under_the_ten_megabytes_that_integrators_speak_of() -> None:
    limits = ENGINES["ivc"].limits
    assert limits.containers[0] == "flac"
    assert limits.best_s is not None
    assert limits.rate_hz is not None
    assert limits.best_s * limits.rate_hz * 2 * 0.8 < 10_000_000


def test_a_professional_clone_wants_half_an_hour_and_takes_all_in_files_of_that_length() -> None:
    limits = ENGINES["pvc"].limits
    assert limits.total_s == Range(1800, None)
    assert limits.file_s == Range(None, 1800)
    assert limits.best_s is None
    assert limits.name_chars == Range(1, 100)


def test_both_have_a_noise_removal_of_their_own_that_must_be_told_to_stay_off() -> None:
    assert {engine.limits.own_denoise for engine in ENGINES.values()} == {"remove_background_noise"}


def test_it_is_what_the_stages_and_doors_ask_for(fake: FakeElevenLabs) -> None:
    vendor: Vendor = adapter(fake)
    assert isinstance(vendor, Extensible)
    assert isinstance(vendor, Verifiable)


def test_labels_are_one_json_text_with_ours_beside_the_clients(fake: FakeElevenLabs, tmp_path: Path) -> None:
    order = an_order(description="a calm voice", language="de", gender="female",
                     labels={"team": "sales", "age": 40, "clonepipe": "mine"})  # fmt: skip
    made = adapter(fake).submit("ivc", order, [a_file(tmp_path, 1), a_file(tmp_path, 2)], MARKER)
    call = fake.calls[-1]
    assert json.loads(call.text("labels") or "") == {
        "language": "de", "gender": "female", "team": "sales", "clonepipe": MARKER,
    }  # fmt: skip
    assert [upload.field for upload in call.uploads] == ["files", "files"]
    assert (call.text("name"), call.text("description")) == ("Anna", "a calm voice")
    assert call.headers["xi-api-key"]
    assert made.notes == ()


@pytest.mark.parametrize(
    ("cleaned", "wanted", "sent"), [(True, True, "false"), (False, True, "true"), (False, False, "false")]
)
def test_their_noise_removal_is_never_run_on_top_of_ours(
    fake: FakeElevenLabs, tmp_path: Path, cleaned: bool, wanted: bool, sent: str
) -> None:
    order = an_order(voice_settings={"remove_background_noise": wanted})
    adapter(fake).submit("ivc", order, [a_file(tmp_path, cleaned=cleaned)], MARKER)
    assert fake.calls[-1].text("remove_background_noise") == sent


def test_recordings_of_the_same_bytes_are_sent_once(fake: FakeElevenLabs, tmp_path: Path) -> None:
    adapter(fake).submit("ivc", an_order(), [a_file(tmp_path, 1), a_file(tmp_path, 2, of=1)], MARKER)
    assert len(fake.calls[-1].uploads) == 1


@pytest.mark.parametrize("answer", [{}, {"voice_id": ""}, {"voice_id": None}, {"voice_id": 7}, [], None])
def test_a_success_without_a_voice_is_none(fake: FakeElevenLabs, tmp_path: Path, answer: object) -> None:
    fake.misbehave(Act(Manner.ANSWER, Moment.AFTER, 200, answer))
    with pytest.raises(VendorProtocol):
        adapter(fake).submit("ivc", an_order(), [a_file(tmp_path)], MARKER)


def test_a_voice_that_must_be_verified_says_so_and_is_not_ready(fake: FakeElevenLabs, tmp_path: Path) -> None:
    fake.requires_verification = True
    fake.library_match = {"library_voice_id": "lib-7", "public_owner_id": "o"}
    vendor = adapter(fake)
    made = vendor.submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert any("verify" in note for note in made.notes)
    assert any("lib-7" in note for note in made.notes)
    look = vendor.poll("ivc", made.voice_id)
    assert look.state is TrainingState.ACTION_REQUIRED
    assert "elevenlabs.io" in (look.reason or "")
    assert not vendor.verification(made.voice_id).done
    with pytest.raises(VendorRejected, match=r"elevenlabs\.io"):
        vendor.verify(made.voice_id, a_file(tmp_path))
    fake.voices[made.voice_id].is_verified = True
    assert vendor.poll("ivc", made.voice_id).state is TrainingState.READY
    assert vendor.verification(made.voice_id).done


ANSWERS = [
    (400, "voice_limit_reached", VendorQuota),
    (403, "can_not_use_instant_voice_cloning", VendorQuota),
    (403, "only_for_creator+", VendorQuota),
    (401, "quota_exceeded", VendorQuota),
    (401, "invalid_api_key", VendorAuth),
    (401, "missing_permissions", VendorAuth),
    (400, "voice_not_found", VendorVoiceNotFound),
    (429, "rate_limit_exceeded", VendorRateLimited),
    (429, "concurrent_limit_exceeded", VendorRateLimited),
    (429, "system_busy", VendorRateLimited),
    (400, "invalid_audio", VendorRejected),
]


@pytest.mark.parametrize("shape", ["object", "old object"])
@pytest.mark.parametrize(("status", "code", "kind"), ANSWERS)
def test_a_refusal_means_what_its_code_says_whatever_its_status(
    fake: FakeElevenLabs, tmp_path: Path, status: int, code: str, kind: type[VendorError], shape: str
) -> None:
    fake.detail_as = shape  # type: ignore[assignment]
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, status, fake.refuse(status, code, "their words").body))
    with pytest.raises(VendorError, match="their words") as caught:
        adapter(fake).submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert type(caught.value) is kind
    assert caught.value.details["vendor_code"] == code


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("That did not work", "That did not work"),
        ([{"loc": ["body", "name"], "msg": "field required", "type": "missing"}], "name: field required"),
        ([], "HTTP 422"),
        ({"message": ["odd"]}, "HTTP 422"),
    ],
)
def test_what_is_wrong_is_read_in_every_shape(fake: FakeElevenLabs, tmp_path: Path, detail: object, words: str) -> None:
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 422, {"detail": detail}))
    with pytest.raises(VendorRejected) as caught:
        adapter(fake).submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("headers", "least_s", "most_s"),
    [
        ({"x-ratelimit-reset": "12"}, 12, 12),
        ({"x-ratelimit-reset": "{in_100_s}"}, 60, 100),
        ({"retry-after": "5", "x-ratelimit-reset": "900"}, 5, 5),
    ],
)
def test_how_long_to_wait_is_read_from_either_header(
    fake: FakeElevenLabs, tmp_path: Path, headers: dict[str, str], least_s: float, most_s: float
) -> None:
    said = {name: value.replace("{in_100_s}", str(int(time.time() + 100))) for name, value in headers.items()}
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 429, {}, said))
    with pytest.raises(VendorRateLimited) as caught:
        adapter(fake).submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert least_s <= caught.value.retry_after_s <= most_s


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"voice_slots_used": 10, "voice_limit": 10}, "10 of 10 voices"),
        ({"voice_add_edit_counter": 95}, "95 of 95 additions"),
        ({"can_use_instant_voice_cloning": False, "tier": "free"}, "plan 'free'"),
    ],
)
def test_a_full_plan_is_told_before_anything_is_sent(
    fake: FakeElevenLabs, tmp_path: Path, plan: dict[str, object], words: str
) -> None:
    fake.plan |= plan
    with pytest.raises(VendorQuota, match=words):
        adapter(fake).submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert [call.path for call in fake.calls] == ["/v1/user/subscription"]


@pytest.mark.parametrize("plan", [{}, {"voice_slots_used": None, "voice_limit": "many"}])
def test_a_plan_that_tells_nothing_refuses_nothing(
    fake: FakeElevenLabs, tmp_path: Path, plan: dict[str, object]
) -> None:
    fake.plan = {"voice_limit": None, "voice_slots_used": None, **plan}
    adapter(fake).submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert len(fake.ledger()) == 1


def test_a_key_that_may_not_read_its_plan_can_still_create(fake: FakeElevenLabs, tmp_path: Path) -> None:
    fake.may_read_plan = False
    adapter(fake).submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert len(fake.ledger()) == 1


def test_a_wrong_key_is_found_by_the_first_call(fake: FakeElevenLabs, tmp_path: Path) -> None:
    vendor = ElevenLabs("wrong", fake.url)
    with pytest.raises(VendorAuth, match="CLONEPIPE_ELEVENLABS_API_KEY"):
        vendor.submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    with pytest.raises(VendorAuth):
        vendor.check_access()


def test_access_says_what_the_plan_holds(fake: FakeElevenLabs) -> None:
    fake.make("Old")
    said = adapter(fake).check_access()
    assert "creator" in said
    assert "1 of 100 voices" in said
    assert "0 of 1 professional voices" in said


def test_what_carries_our_marker_is_found_on_every_page_oldest_first(fake: FakeElevenLabs) -> None:
    newest = fake.make("new", labels={"clonepipe": MARKER})
    newest.created_at_unix += 100
    for number in range(130):
        fake.make(f"speaks of {MARKER} {number}", labels={"clonepipe": f"{MARKER}{number}"})
    oldest = fake.make("old", description=MARKER)
    oldest.created_at_unix -= 100
    found = adapter(fake).find("ivc", MARKER)
    assert [voice.voice_id for voice in found] == [oldest.id, newest.id]
    searches = [call.query for call in fake.calls]
    assert len(searches) == 2
    assert searches[0] == {
        "search": MARKER, "voice_type": "personal", "page_size": "100", "include_total_count": "false",
    }  # fmt: skip


def test_deleting_twice_is_no_error_but_a_refusal_is(fake: FakeElevenLabs) -> None:
    voice = fake.make("Anna")
    vendor = adapter(fake)
    vendor.discard("ivc", voice.id)
    vendor.discard("ivc", voice.id)
    assert fake.ledger() == ()


def test_a_voice_that_was_deleted_there_has_failed(fake: FakeElevenLabs) -> None:
    for engine in ENGINES:
        assert adapter(fake).poll(engine, "gone").state is TrainingState.FAILED
