"""PostgreSQL and the object storage are frozen: callers are told in seconds, and every job ends once they go on."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from shared.storage import open_storage
from shared.storage.protocol import PART_BYTES
from tests.databases import PostgresServer
from tests.processes import until
from tests.profiles import deployed
from tests.servers import S3Server
from tests.stack import CLEAN_SPEECH, Stack, running_stack

pytestmark = pytest.mark.faults

TOLD_WITHIN_S = 20.0  # 10 s and a busy machine
BACK_WITHIN_S = 60.0
_BLOCK_BYTES = 1 << 16


@pytest.fixture(scope="module")
def stack(postgres: PostgresServer, s3_server: S3Server) -> Iterator[Stack]:
    with deployed(postgres, s3_server) as profile, running_stack(profile, lease_s=10) as running:
        running.wait_for(running.create("warm up"), "ready")
        yield running


def timed(ask) -> tuple[httpx.Response, float]:
    began_s = time.monotonic()
    return ask(), time.monotonic() - began_s


def test_a_frozen_database_is_told_and_every_job_goes_on_when_it_is_back(
    stack: Stack, postgres: PostgresServer
) -> None:
    before, workers = len(stack.ledger()), stack.pid("worker")
    voice_ids = [stack.create() for _ in range(5)]
    poll = lambda: timed(lambda: stack.client.get(f"/voice-clones/{voice_ids[0]}"))  # noqa: E731
    assert poll()[0].status_code == 200
    with postgres.frozen(), ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(poll) for _ in range(6)] + [pool.submit(timed, stack.upload) for _ in range(2)]
        for answer, took_s in [one.result() for one in asked] + [poll()]:
            assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
            assert int(answer.headers["retry-after"]) >= 1
            assert took_s < TOLD_WITHIN_S
        assert httpx.get(f"{stack.url}/livez", timeout=5, trust_env=False).status_code == 200
        assert httpx.get(f"{stack.url}/readyz", timeout=15, trust_env=False).status_code == 503
    voice_ids.append(stack.create("after the thaw"))
    for voice_id in voice_ids:
        assert stack.wait_for(voice_id, "ready", "failed", within_s=BACK_WITHIN_S)["status"] == "ready"
    assert len(stack.ledger()) == before + 6
    assert stack.pid("worker") == workers


def test_a_storage_that_freezes_in_mid_upload_is_told_and_the_next_upload_is_kept(
    stack: Stack, s3_server: S3Server
) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="files"; filename="small.flac"\r\n\r\n'
        yield CLEAN_SPEECH.read_bytes()
        yield b'\r\n--b\r\ncontent-disposition: form-data; name="files"; filename="big.wav"\r\n\r\nRIFF    WAVEfmt '
        for number in range(4 * PART_BYTES // _BLOCK_BYTES):
            if number == 3 * PART_BYTES // _BLOCK_BYTES:
                s3_server.process.send_signal(signal.SIGSTOP)
            yield bytes(_BLOCK_BYTES)
        yield b"\r\n--b--\r\n"

    def upload_big() -> httpx.Response:
        headers = {"content-type": "multipart/form-data; boundary=b"}
        return stack.client.post("/voice-clones", content=body(), headers=headers, timeout=120)

    kept: list[httpx.Response] = []
    try:
        for upload in (upload_big, stack.upload):
            answer, took_s = timed(upload)
            assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
            assert "retry-after" in answer.headers
            assert took_s < TOLD_WITHIN_S + 10
    finally:
        s3_server.process.send_signal(signal.SIGCONT)
    assert until(lambda: (answer := stack.upload()).status_code == 201 and kept.append(answer) is None, BACK_WITHIN_S)
    voice_id = kept[0].json()["data"]["voiceId"]
    assert stack.wait_for(voice_id, "ready", "failed", within_s=BACK_WITHIN_S)["status"] == "ready"
    storage = open_storage(stack.settings)
    storage.sweep_unfinished(0)
    assert storage.sweep_unfinished(0) == 0


def test_a_download_from_a_frozen_storage_is_told_and_goes_on_when_it_is_back(
    stack: Stack, s3_server: S3Server
) -> None:
    voice_id = stack.create()
    stack.wait_for(voice_id, "ready", within_s=BACK_WITHIN_S)
    [sample] = stack.client.get(f"/voice-clones/{voice_id}/samples").json()["data"]["samples"]
    audio = f"/voice-clones/{voice_id}/samples/{sample['sampleId']}/audio"
    assert stack.client.get(audio).content == CLEAN_SPEECH.read_bytes()
    s3_server.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(2):
            answer, took_s = timed(lambda: stack.client.get(audio))
            assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
            assert "retry-after" in answer.headers
            assert took_s < TOLD_WITHIN_S
    finally:
        s3_server.process.send_signal(signal.SIGCONT)
    assert until(lambda: stack.client.get(audio).content == CLEAN_SPEECH.read_bytes(), BACK_WITHIN_S)
