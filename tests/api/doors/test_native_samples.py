"""A clone's recordings through the native door: listed, heard whole and in ranges, drawn, and nobody else's."""

import hashlib
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import update

from shared.db.models import Clone, Sample
from shared.storage.protocol import put
from tests.api.doors.conftest import SPEECH, Door
from tests.api.doors.made import PREPARED, prepare

CLONES = "/api/v2/voice-clones"
ETAG = f'"{hashlib.sha256(SPEECH).hexdigest()}"'


@dataclass
class Uploaded:
    """One clone with one recording."""

    door: Door
    voice_id: str
    sample_id: str

    @property
    def path(self) -> str:
        return f"{CLONES}/{self.voice_id}/samples"

    def listed(self) -> dict[str, object]:
        [sample] = self.door.client.get(self.path).json()["data"]["samples"]
        return dict(sample)

    def audio(self, version: str = "original", method: str = "GET", **headers: str) -> httpx.Response:
        path = f"{self.path}/{self.sample_id}/audio"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.door.client.request(method, path, params={"version": version}, headers=named)

    def peaks(self, version: str = "original") -> httpx.Response:
        return self.door.client.get(f"{self.path}/{self.sample_id}/peaks", params={"version": version})

    def write(self, **values: object) -> None:
        with self.door.services.database.write() as session:
            session.execute(update(Sample).where(Sample.id == self.sample_id).values(**values))

    def prepare(self, number: int = 1, content: bytes = PREPARED, **taken_s: float) -> None:
        """Do to the recording what the stage would: make a file of so many seconds of each recording."""
        cuts = taken_s or {self.sample_id: 2.0}
        prepare(self.door.services, self.voice_id, number, cuts, content)


def upload(door: Door, filename: str = "anna.flac") -> Uploaded:
    answer = door.post((filename, SPEECH), name="Anna")
    voice_id = answer.json()["data"]["voiceId"]
    [sample] = door.client.get(f"{CLONES}/{voice_id}/samples").json()["data"]["samples"]
    return Uploaded(door, voice_id, sample["sampleId"])


@pytest.fixture
def uploaded(door: Door) -> Uploaded:
    return upload(door)


def test_recordings_are_listed_with_what_is_known_before_validate(uploaded: Uploaded) -> None:
    sample = uploaded.listed()
    created = str(sample.pop("createdAt"))
    assert created.endswith("Z")
    assert sample == {
        "sampleId": uploaded.sample_id, "filename": "anna.flac", "format": "flac", "contentType": "audio/flac",
        "sizeBytes": len(SPEECH), "sha256": hashlib.sha256(SPEECH).hexdigest(), "durationSeconds": None,
        "rateHz": None, "channels": None,
        "urls": {
            "audio": {"original": f"{uploaded.path}/{uploaded.sample_id}/audio?version=original"},
            "peaks": {"original": f"{uploaded.path}/{uploaded.sample_id}/peaks?version=original"},
        },
    }  # fmt: skip


def test_what_was_measured_is_listed_and_every_url_that_is_listed_answers(uploaded: Uploaded) -> None:
    uploaded.prepare()
    uploaded.write(inspection={"duration_s": 12.5, "rate_hz": 44_100, "channels": 2}, peaks=[[-1, 1]])
    sample = uploaded.listed()
    assert (sample["durationSeconds"], sample["rateHz"], sample["channels"]) == (12.5, 44_100, 2)
    urls = sample["urls"]
    assert isinstance(urls, dict)
    found = [url for versions in urls.values() for url in versions.values()]
    assert [uploaded.door.client.get(url).status_code for url in found] == [200] * 4


def test_the_original_is_an_attachment_with_its_bytes_and_our_type(uploaded: Uploaded) -> None:
    answer = uploaded.audio()
    assert (answer.status_code, answer.content) == (200, SPEECH)
    headers = answer.headers
    assert headers["content-type"] == "audio/flac"
    assert headers["content-disposition"] == "attachment; filename=\"anna.flac\"; filename*=UTF-8''anna.flac"
    assert headers["x-content-type-options"] == "nosniff"
    assert (headers["accept-ranges"], headers["etag"]) == ("bytes", ETAG)
    assert headers["cache-control"] == "private, no-cache"


def test_the_type_is_what_was_found_in_the_bytes_not_what_the_client_said(door: Door) -> None:
    uploaded = upload(door, "page.html")
    answer = uploaded.audio()
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("filename", "plain", "extended"),
    [
        ("Grüße.flac", "Gr__e.flac", "Gr%C3%BC%C3%9Fe.flac"),
        ('a"b; x=1.flac', "a_b; x=1.flac", "a%22b%3B%20x%3D1.flac"),
        ("100%.flac", "100_.flac", "100%25.flac"),
    ],
)
def test_the_clients_file_name_comes_back_whole(door: Door, filename: str, plain: str, extended: str) -> None:
    disposition = upload(door, filename).audio().headers["content-disposition"]
    assert disposition == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}"


def test_the_prepared_version_is_named_after_the_clone(uploaded: Uploaded) -> None:
    uploaded.prepare()
    answer = uploaded.audio("prepared")
    assert (answer.status_code, answer.content) == (200, PREPARED)
    assert answer.headers["content-type"] == "audio/flac"
    assert f'filename="{uploaded.voice_id}-1.flac"' in answer.headers["content-disposition"]
    assert answer.headers["etag"] == f'"{hashlib.sha256(PREPARED).hexdigest()}"'


def test_the_prepared_version_is_the_file_that_most_of_the_recording_is_in(uploaded: Uploaded) -> None:
    uploaded.prepare(1, PREPARED[:100], **{uploaded.sample_id: 2.0, "smp_other": 60.0})
    uploaded.prepare(2, PREPARED[:200], **{uploaded.sample_id: 3.0})
    uploaded.prepare(3, PREPARED[:300], smp_other=60.0)
    assert uploaded.audio("prepared").content == PREPARED[:200]
    assert uploaded.peaks("prepared").json()["data"]["peaks"] == [[-2, 2]]


def test_of_a_recording_that_nothing_was_taken_of_there_is_no_prepared_version(uploaded: Uploaded) -> None:
    uploaded.prepare(smp_other=60.0)
    assert uploaded.audio("prepared").status_code == 404
    assert "urls" in uploaded.listed()
    assert "prepared" not in str(uploaded.listed()["urls"])


def test_a_prepared_version_that_is_not_made_yet_is_404_and_says_why(uploaded: Uploaded) -> None:
    for answer in (uploaded.audio("prepared"), uploaded.peaks("prepared")):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert "'prepare'" in answer.json()["message"]
    assert uploaded.audio("finished").json()["code"] == "INVALID_FIELD"


def test_of_a_clone_that_failed_nothing_is_promised(uploaded: Uploaded) -> None:
    with uploaded.door.services.database.write() as session:
        session.execute(update(Clone).values(status="failed", error_code="NO_SPEECH", error_message="No speech."))
    for answer in (uploaded.audio("prepared"), uploaded.peaks("prepared"), uploaded.peaks()):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert "The clone failed" in answer.json()["message"]
        assert "there will be none" in answer.json()["message"]
        assert " yet" not in answer.json()["message"]


SIZE = len(SPEECH)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299", 100, 300),
        ("bytes=100-", 100, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        (f"bytes=-{SIZE + 1}", 0, SIZE),
        (f"bytes=10-{SIZE + 10}", 10, SIZE),
        ("Bytes = 5-9", 5, 10),
    ],
)
def test_one_range_is_206(uploaded: Uploaded, asked: str, start: int, end: int) -> None:
    answer = uploaded.audio(range=asked)
    assert (answer.status_code, answer.content) == (206, SPEECH[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", "bytes=9999999999999999-"])
def test_a_range_behind_the_end_is_416_in_the_envelope(uploaded: Uploaded, asked: str) -> None:
    answer = uploaded.audio(range=asked)
    assert (answer.status_code, answer.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert answer.json()["requestId"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=5-2", "bytes=-", "bytes=x-y", "seconds=0-1", "bytes"])
def test_what_is_no_single_range_is_answered_with_the_whole(uploaded: Uploaded, asked: str) -> None:
    answer = uploaded.audio(range=asked)
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


def test_a_range_of_another_recording_is_answered_with_the_whole(uploaded: Uploaded) -> None:
    assert uploaded.audio(range="bytes=0-9", if_range=ETAG).status_code == 206
    assert uploaded.audio(range="bytes=0-9", if_range='"other"').status_code == 200
    assert uploaded.audio(range=f"bytes={SIZE}-", if_range='"other"').status_code == 200


def test_what_a_client_has_is_not_sent_again(uploaded: Uploaded) -> None:
    answer = uploaded.audio(if_none_match=ETAG)
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", ETAG)


def test_head_is_the_same_headers_without_the_bytes(uploaded: Uploaded) -> None:
    got, asked = uploaded.audio(), uploaded.audio(method="HEAD", range="bytes=0-99")
    kept = [name for name in got.headers if name not in ("date", "x-request-id")]
    assert (asked.status_code, asked.content) == (200, b"")
    assert {name: asked.headers.get(name) for name in kept} == {name: got.headers[name] for name in kept}
    assert uploaded.door.client.head(CLONES).status_code == 200
    assert uploaded.door.client.head("/api/v2/nothing").status_code == 404


def test_the_waveform_is_there_once_it_was_measured(uploaded: Uploaded) -> None:
    early = uploaded.peaks()
    assert (early.status_code, early.json()["code"]) == (404, "NOT_FOUND")
    assert "'validate'" in early.json()["message"]
    uploaded.write(peaks=[[-127, 127], [-3, 5]])
    data = uploaded.peaks().json()["data"]
    assert data == {"sampleId": uploaded.sample_id, "version": "original", "peaks": [[-127, 127], [-3, 5]]}


def test_samples_are_for_their_account_and_for_readers(uploaded: Uploaded) -> None:
    door, other = uploaded.door, upload(uploaded.door)
    stranger, creator = door.new_account(), door.new_key("voice:create")
    for tail in ("", f"/{uploaded.sample_id}/audio", f"/{uploaded.sample_id}/peaks"):
        assert door.client.get(uploaded.path + tail, headers=stranger).status_code == 404
        assert door.client.get(uploaded.path + tail, headers=creator).json()["details"]["required"] == "voice:read"
        assert door.client.get(uploaded.path + tail, headers={"authorization": ""}).status_code == 401
    for sample_id in (other.sample_id, "smp_nothing"):
        assert door.client.get(f"{uploaded.path}/{sample_id}/audio").status_code == 404


def test_a_recording_that_is_gone_or_was_cut_is_an_answer_and_not_a_broken_one(uploaded: Uploaded) -> None:
    storage = uploaded.door.services.storage
    with uploaded.door.services.database.read() as session:
        key = session.get_one(Sample, uploaded.sample_id).object_key
    put(storage, key, SPEECH[:-1])
    cut = uploaded.audio()
    assert (cut.status_code, cut.json()["code"]) == (500, "SOURCE_MISSING")
    assert f"{len(SPEECH) - 1} bytes" in cut.json()["message"]
    storage.delete(key)
    gone = uploaded.audio()
    assert (gone.status_code, gone.json()["code"]) == (500, "SOURCE_MISSING")
    url = f"{uploaded.path}/{uploaded.sample_id}/audio"
    assert uploaded.door.client.head(url).status_code == 500
