"""Text that could be sent but not stored or told again is refused, and never spoils what is there already."""

import pytest
from sqlalchemy import func, select

from shared.db.models import Clone
from tests.api.doors.conftest import SPEECH, Door

CLONES = "/api/v2/voice-clones"


@pytest.mark.parametrize("field", ["labels", "settings"])
@pytest.mark.parametrize("value", ['{"a":"\\ud800"}', '{"a":1e999}', '{"a":"\\u0000"}', '{"\\u0000":[]}'])
def test_json_that_cannot_be_told_again_is_refused_and_the_list_goes_on(door: Door, field: str, value: str) -> None:
    answer = door.post(("anna.flac", SPEECH), name="Anna", **{field: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")
    assert answer.json()["details"]["field"] == field
    with door.services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Clone)) == 0
    assert door.objects() == []
    assert door.client.get(CLONES).status_code == 200


@pytest.mark.parametrize("field", ["name", "description", "language", "vendor", "callback_url", "labels"])
@pytest.mark.parametrize("value", [b"caf\xe9", b"\xed\xa0\x80", b"a\0b", b"a\x1b[2Jb"])
def test_form_bytes_that_are_no_plain_text_are_refused(door: Door, field: str, value: bytes) -> None:
    body = b"".join(
        b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), sent)
        for name, sent in {"name": b"Anna", field: value}.items()
    )
    body += (
        b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.flac"\r\n\r\n' + SPEECH + b"\r\n--x--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = door.client.post(CLONES, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")
    assert answer.json()["details"]["field"] == field
    assert door.objects() == []


def test_names_of_fields_and_files_that_are_no_text_are_shown_without_what_cannot_be_shown(door: Door) -> None:
    body = (
        b'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nAnna\r\n'
        b'--x\r\ncontent-disposition: form-data; name="odd\xed\xa0\x80\x1b"\r\n\r\n1\r\n'
        b'--x\r\ncontent-disposition: form-data; name="files"; filename="a\x1b\xff.flac"\r\n\r\n'
        + SPEECH
        + b"\r\n--x--\r\n"
    )
    answer = door.client.post(CLONES, content=body, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 201
    assert "\x1b" not in answer.json()["data"]["ignoredFields"][0]
    assert door.client.get(CLONES).status_code == 200


@pytest.mark.parametrize("voice_id", ["%00", "vc_%00x", "%ed%a0%80", "%ff", "%1b"])
@pytest.mark.parametrize("tail", ["", "/events", "/report", "/samples", "/samples/x/peaks", "/samples/x/audio"])
def test_an_address_that_cannot_be_stored_names_nothing(door: Door, voice_id: str, tail: str) -> None:
    assert door.client.get(f"{CLONES}/{voice_id}{tail}").status_code == 404
    if not tail:
        for method in ("DELETE", "PATCH"):
            assert door.client.request(method, f"{CLONES}/{voice_id}", content='{"name": "x"}').status_code == 404


@pytest.mark.parametrize("sample_id", ["%00", "%ed%a0%80"])
def test_a_recordings_address_that_cannot_be_stored_names_nothing(door: Door, sample_id: str) -> None:
    voice_id = door.create()["voiceId"]
    assert door.client.get(f"{CLONES}/{voice_id}/samples/{sample_id}/audio").status_code == 404
