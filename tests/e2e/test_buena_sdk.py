"""Buena's own Python client (PyPI: buena-sdk 1.0.5) against this service: nothing in it is changed but the host."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.profiles import Profile
from tests.stack import CLEAN_SPEECH, Stack, running_stack

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::pydantic.warnings.PydanticDeprecatedSince20"
)

buena_sdk = pytest.importorskip("buena_sdk")


@pytest.fixture(scope="module")
def stack(profile: Profile) -> Iterator[Stack]:
    with running_stack(profile) as running:
        yield running


@pytest.fixture
def api(stack: Stack) -> Iterator[object]:
    configuration = buena_sdk.Configuration(host=f"{stack.url}/api/v2", access_token=stack.client.headers["x-api-key"])
    with buena_sdk.ApiClient(configuration) as client:
        yield buena_sdk.DefaultApi(client)


def test_it_creates_lists_updates_and_deletes(stack: Stack, api: buena_sdk.DefaultApi) -> None:
    created = api.create_voice_clone("Professional Voice", [str(CLEAN_SPEECH)], description="Outreach")
    assert (created.success, created.message) == (True, "Voice clone created successfully")
    assert (created.data.name, created.data.description, created.data.sample_count) == (
        "Professional Voice",
        "Outreach",
        1,
    )
    assert abs(created.data.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    voice_id = created.data.voice_id

    listed = api.list_voice_clones(limit=10, offset=0).data
    assert listed.total == len(listed.voice_clones) == 1
    [found] = listed.voice_clones
    assert (found.voice_id, found.is_active, found.labels) == (voice_id, True, {})
    assert found.updated_at >= found.created_at

    stack.wait_for(voice_id, "ready")
    wish = buena_sdk.UpdateVoiceCloneRequest(name="Sales Voice", is_active=False)
    updated = api.update_voice_clone(voice_id, wish)
    assert updated.success is True
    assert (updated.data.name, updated.data.description, updated.data.is_active) == ("Sales Voice", "Outreach", False)

    deleted = api.delete_voice_clone(voice_id)
    assert (deleted.success, deleted.deleted_id) == (True, voice_id)
    assert api.list_voice_clones().data.total == 0


def test_it_sends_several_files_by_path_by_bytes_and_by_name(api: buena_sdk.DefaultApi) -> None:
    sound = CLEAN_SPEECH.read_bytes()
    files = [str(CLEAN_SPEECH), sound + b"\0", ("zwei – Grüße.flac", sound + b"\0\0")]
    assert api.create_voice_clone("Three", files).data.sample_count == 3


def test_it_raises_its_own_errors_with_our_words(api: buena_sdk.DefaultApi) -> None:
    # Its model of an error ({success, error: text}) is not what Buena's page prints ({error: true, code, …}); ours is
    # the page's, so the words are in `body` and `data` stays empty.
    with pytest.raises(buena_sdk.exceptions.BadRequestException) as refused:
        api.create_voice_clone("Anna", [("notes.wav", b"these are notes")])
    assert json.loads(refused.value.body)["code"] == "INVALID_FILE_FORMAT"
    wish = buena_sdk.UpdateVoiceCloneRequest(name="x")
    for call in (api.delete_voice_clone, lambda voice_id: api.update_voice_clone(voice_id, wish)):
        with pytest.raises(buena_sdk.exceptions.NotFoundException) as missing:
            call("vc_nobody")
        assert json.loads(missing.value.body)["code"] == "VOICE_CLONE_NOT_FOUND"


def test_a_key_that_is_not_known_is_its_unauthorized(stack: Stack) -> None:
    configuration = buena_sdk.Configuration(host=f"{stack.url}/api/v2", access_token="wrong")
    with buena_sdk.ApiClient(configuration) as client, pytest.raises(buena_sdk.exceptions.UnauthorizedException):
        buena_sdk.DefaultApi(client).list_voice_clones()
