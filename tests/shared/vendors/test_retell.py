"""Retell: limits by its own page and the maker behind each engine, and what is particular in its answers."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.errors import (
    ErasureUnsupported,
    VendorAuth,
    VendorProtocol,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorUnavailable,
    VendorVoiceNotFound,
)
from shared.vendors.engines import Range
from shared.vendors.protocol import TrainingState
from shared.vendors.retell import ENGINES, Retell
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.retell import KEY, FakeRetell, Voice
from tests.shared.vendors.calling import MARKER, an_order, recordings


@pytest.fixture
def fake() -> Iterator[FakeRetell]:
    vendor = FakeRetell()
    with vendor.running():
        yield vendor


@pytest.fixture
def retell(fake: FakeRetell) -> Retell:
    return Retell(KEY, fake.url)


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


def test_the_longest_name_and_the_longest_marker_fit_uncut(retell: Retell, fake: FakeRetell, tmp_path: Path) -> None:
    longest = ENGINES["platform"].limits.name_chars.most
    assert longest is not None
    name, marker = "N" * int(longest), "m" * 30
    voice_id = retell.submit("platform", an_order(name), recordings(tmp_path), marker).voice_id
    assert fake.voices[voice_id].name == f"{name} [{marker}]"
    assert len(fake.voices[voice_id].name) == 200


@pytest.mark.parametrize("engine", list(ENGINES))
def test_every_engine_sends_as_many_files_as_it_declares(
    retell: Retell, fake: FakeRetell, tmp_path: Path, engine: str
) -> None:
    most = int(ENGINES[engine].limits.files.most or 0)
    voice_id = retell.submit(engine, an_order(), recordings(tmp_path, most), MARKER).voice_id
    assert fake.voices[voice_id].provider == engine
    call = fake.calls[-1]
    assert [upload.field for upload in call.uploads] == ["files"] * most
    assert call.texts == {"voice_name": [f"Anna [{MARKER}]"], "voice_provider": [engine]}


@pytest.mark.parametrize("answers_200", [False, True])
def test_created_and_ok_both_mean_a_voice(retell: Retell, fake: FakeRetell, tmp_path: Path, answers_200: bool) -> None:
    fake.answers_200 = answers_200
    assert retell.submit("inworld", an_order(), recordings(tmp_path), MARKER).voice_id in fake.ledger()


@pytest.mark.parametrize("body", [{}, {"voice_id": ""}, {"voice_id": None}, []])
def test_an_answer_without_an_id_is_not_taken_for_a_voice(
    retell: Retell, fake: FakeRetell, tmp_path: Path, body: object
) -> None:
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 201, body))
    with pytest.raises(VendorProtocol):
        retell.submit("elevenlabs", an_order(), recordings(tmp_path), MARKER)


@pytest.mark.parametrize("names_provider", [True, False])
def test_a_voice_is_found_by_its_suffix_alone_whatever_provider_is_shown(
    retell: Retell, fake: FakeRetell, tmp_path: Path, names_provider: bool
) -> None:
    fake.names_provider = names_provider
    voice_id = retell.submit("platform", an_order(), recordings(tmp_path), MARKER).voice_id
    retell.submit("platform", an_order(f"[{MARKER}]"), recordings(tmp_path), f"{MARKER}0")
    assert [found.voice_id for found in retell.find("platform", MARKER)] == [voice_id]
    assert retell.find("platform", "cp-another-1") == ()


def test_the_owner_is_told_what_the_voice_is_called_there(retell: Retell, tmp_path: Path) -> None:
    [note] = retell.complete("elevenlabs", an_order(), [], "id", MARKER)
    assert f"'Anna [{MARKER}]'" in note


def test_a_voice_that_was_deleted_in_the_dashboard_has_failed(retell: Retell, fake: FakeRetell, tmp_path: Path) -> None:
    voice_id = retell.submit("elevenlabs", an_order(), recordings(tmp_path), MARKER).voice_id
    assert retell.poll("elevenlabs", voice_id).state is TrainingState.READY
    fake.remove(voice_id)
    assert retell.poll("elevenlabs", voice_id).state is TrainingState.FAILED


def test_erasing_says_who_must_do_what_until_somebody_has(retell: Retell, fake: FakeRetell, tmp_path: Path) -> None:
    voice_id = retell.submit("elevenlabs", an_order(), recordings(tmp_path), MARKER).voice_id
    with pytest.raises(ErasureUnsupported) as told:
        retell.discard("elevenlabs", voice_id)
    for word in (f"'[{MARKER}]'", voice_id, "dashboard", "support@retellai.com"):
        assert word in told.value.message
    assert "Anna" not in told.value.message, "it stands in the proof of an erasure"
    assert {call.method for call in fake.calls} == {"POST", "GET"}
    fake.remove(voice_id)
    retell.discard("elevenlabs", voice_id)


def test_of_an_adopted_voice_the_id_is_told_and_not_the_name(retell: Retell, fake: FakeRetell) -> None:
    fake.voices["custom_voice_1"] = Voice("custom_voice_1", "Anna [studio]", "platform", 0.0)
    with pytest.raises(ErasureUnsupported, match="with the id custom_voice_1 in") as told:
        retell.discard("platform", "custom_voice_1")
    assert "Anna" not in told.value.message


def test_a_long_list_of_voices_is_read_whole(retell: Retell, fake: FakeRetell) -> None:
    for number in range(20_000):
        fake.voices[str(number)] = Voice(str(number), f"{'long name ' * 20}{number}", "elevenlabs", 0.0)
    fake.voices["ours"] = Voice("ours", f"Anna [{MARKER}]", "elevenlabs", 0.0)
    assert [found.voice_id for found in retell.find("elevenlabs", MARKER)] == ["ours"]


def test_a_clone_is_looked_up_and_its_provider_is_its_engine(retell: Retell, tmp_path: Path) -> None:
    voice_id = retell.submit("fish_audio", an_order(), recordings(tmp_path), MARKER).voice_id
    voice = retell.look_up(voice_id)
    assert (voice.voice_id, voice.name, voice.engine) == (voice_id, f"Anna [{MARKER}]", "fish_audio")


@pytest.mark.parametrize("voice_id", ["retell-Cimo", "openai-Alloy", "nothing", "../list-voices"])
def test_what_is_no_clone_of_the_account_is_not_found(retell: Retell, voice_id: str) -> None:
    with pytest.raises(VendorVoiceNotFound):
        retell.look_up(voice_id)


def test_an_unpaid_account_is_told_to_settle_its_billing(retell: Retell, fake: FakeRetell, tmp_path: Path) -> None:
    fake.has_paid = False
    with pytest.raises(VendorQuota) as refused:
        retell.submit("elevenlabs", an_order(), recordings(tmp_path), MARKER)
    assert "please add payment method" in refused.value.message
    assert "Settle the account's billing at Retell" in refused.value.message


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5), ({}, 30.0)],
)
def test_a_rate_limit_says_how_long(
    retell: Retell, fake: FakeRetell, tmp_path: Path, headers: dict[str, str], wait_s: float
) -> None:
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 429, {"status": "error", "message": "slow down"}, headers))
    with pytest.raises(VendorRateLimited) as refused:
        retell.submit("elevenlabs", an_order(), recordings(tmp_path), MARKER)
    assert refused.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("status", "header", "kind"),
    [
        (429, "false", VendorQuota),
        (429, "true", VendorRateLimited),
        (400, "true", VendorUnavailable),
        (409, "true", VendorUnavailable),
        (409, "false", VendorRejected),
        (401, "true", VendorAuth),
    ],
)
def test_what_it_says_about_trying_again_is_obeyed(
    retell: Retell, fake: FakeRetell, tmp_path: Path, status: int, header: str, kind: type[Exception]
) -> None:
    fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, status, {"status": "error"}, {"x-should-retry": header}))
    with pytest.raises(kind) as refused:
        retell.submit("elevenlabs", an_order(), recordings(tmp_path), MARKER)
    assert type(refused.value) is kind


def test_access_is_checked_by_a_call_that_needs_the_key(retell: Retell, fake: FakeRetell) -> None:
    assert "2 voices" in retell.check_access()
    with pytest.raises(VendorAuth):
        Retell("wrong-key", fake.url).check_access()


@pytest.mark.parametrize("name", ["files", "files[]"])
@pytest.mark.parametrize("stray", [False, True])
def test_the_fake_takes_what_every_age_of_the_vendors_client_sends(
    fake: FakeRetell, tmp_path: Path, name: str, stray: bool
) -> None:
    [file] = recordings(tmp_path)
    parts: list[tuple[str, object]] = [("files", (None, "[]"))] if stray else []
    parts += [(name, (file.filename, file.path.read_bytes(), file.content_type))]
    parts += [("voice_name", (None, "Anna")), ("voice_provider", (None, "cartesia"))]
    answer = httpx.post(f"{fake.url}/clone-voice", files=parts, headers={"authorization": f"Bearer {KEY}"})  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["provider"]) == (201, "cartesia")
