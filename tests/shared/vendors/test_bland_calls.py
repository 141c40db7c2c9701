"""Bland's calls: answers and refusals in each of the shapes that its pages of different age show."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import UnknownOutcome, VendorNameTaken, VendorQuota, VendorRejected, VendorUnavailable
from shared.vendors.bland import Bland
from tests.fakes.acts import Act, Manner
from tests.fakes.bland import KEY, FakeBland
from tests.shared.vendors.calling import MARKER, an_order, recordings

inside_200 = pytest.mark.parametrize("errors_in_200", [False, True], ids=["with its status", "inside HTTP 200"])


@pytest.fixture
def fake() -> Iterator[FakeBland]:
    vendor = FakeBland()
    with vendor.running():
        yield vendor


@pytest.fixture
def bland(fake: FakeBland) -> Bland:
    return Bland(KEY, fake.base_url)


@pytest.mark.parametrize("numbers_for_ids", [False, True], ids=["uuid", "number"])
@pytest.mark.parametrize("wraps_list", [False, True], ids=["array", "wrapped"])
def test_a_voice_is_made_found_named_and_deleted_whatever_its_id_and_list_look_like(
    bland: Bland, fake: FakeBland, tmp_path: Path, numbers_for_ids: bool, wraps_list: bool
) -> None:
    fake.numbers_for_ids, fake.wraps_list = numbers_for_ids, wraps_list
    files = recordings(tmp_path)
    voice_id = bland.submit("btts_v3", an_order(), files, MARKER).voice_id
    assert fake.ledger() == (voice_id,)
    assert fake.voices[voice_id].name == MARKER
    assert [found.voice_id for found in bland.find("btts_v3", MARKER)] == [voice_id]
    assert bland.complete("btts_v3", an_order(), files, voice_id, MARKER) == ()
    assert fake.voices[voice_id].name == "Anna"
    assert bland.find("btts_v3", MARKER) == ()
    bland.discard("btts_v3", voice_id)
    bland.discard("btts_v3", voice_id)
    assert fake.ledger() == ()


@pytest.mark.parametrize(("engine", "flag"), [("btts_v3", "isBTTS_V3"), ("btts_v2", "isBTTS_V2")])
def test_the_generation_is_told_by_its_own_flag(
    bland: Bland, fake: FakeBland, tmp_path: Path, engine: str, flag: str
) -> None:
    bland.submit(engine, an_order(), recordings(tmp_path), MARKER)
    [call] = [call for call in fake.calls if call.path == "/v1/voices/clone"]
    assert call.texts == {"name": [MARKER], flag: ["true"]}
    assert [upload.field for upload in call.uploads] == ["audio_samples"]


@inside_200
def test_a_full_plan_is_one_wherever_it_is_said(
    bland: Bland, fake: FakeBland, tmp_path: Path, errors_in_200: bool
) -> None:
    fake.most_voices, fake.errors_in_200 = 0, errors_in_200
    with pytest.raises(VendorQuota, match="maximum number of voices"):
        bland.submit("btts_v3", an_order(), recordings(tmp_path), MARKER)


@inside_200
def test_a_refused_recording_is_no_voice(bland: Bland, fake: FakeBland, tmp_path: Path, errors_in_200: bool) -> None:
    fake.errors_in_200 = errors_in_200
    with pytest.raises(VendorRejected, match="Exactly 1 file"):
        bland.submit("btts_v3", an_order(), recordings(tmp_path, 2), MARKER)
    assert fake.ledger() == ()


def test_a_taken_name_is_told_before_anything_is_made_and_compared_without_case(
    bland: Bland, fake: FakeBland, tmp_path: Path
) -> None:
    fake.have("ANNA")
    with pytest.raises(VendorNameTaken, match="Anna"):
        bland.submit("btts_v3", an_order(), recordings(tmp_path), MARKER)
    assert len(fake.ledger()) == 1


def test_a_marker_that_is_taken_on_replay_is_a_voice_to_be_found(bland: Bland, fake: FakeBland, tmp_path: Path) -> None:
    voice_id = fake.have(MARKER, "BTTS_V3")
    with pytest.raises(UnknownOutcome):
        bland.submit("btts_v3", an_order(), recordings(tmp_path), MARKER)
    assert fake.ledger() == (voice_id,)
    assert [found.voice_id for found in bland.find("btts_v3", MARKER)] == [voice_id]


def test_a_page_of_the_edge_is_no_wrong_key(bland: Bland, fake: FakeBland, tmp_path: Path) -> None:
    fake.misbehave(Act(Manner.HTML, status=403))
    with pytest.raises(VendorUnavailable, match="edge"):
        bland.submit("btts_v3", an_order(), recordings(tmp_path), MARKER)


def test_the_oldest_generation_is_never_asked_for_a_voice(bland: Bland, fake: FakeBland, tmp_path: Path) -> None:
    with pytest.raises(VendorRejected, match="Adopt"):
        bland.submit("btts_v1", an_order(), recordings(tmp_path), MARKER)
    assert fake.calls == []
