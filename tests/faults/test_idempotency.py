"""An API that is killed in the middle of a keyed upload: the key lapses, the retry makes one clone, and only one."""

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select, update

from shared.db.engine import Database
from shared.db.models import IdempotencyKey
from shared.db.moment import db_now
from tests.processes import until
from tests.profiles import Profile
from tests.stack import CLEAN_SPEECH, Stack, running_stack

pytestmark = pytest.mark.faults


def upload(stack: Stack) -> httpx.Response:
    return stack.client.post(
        "/voice-clones",
        data={"name": "Anna"},
        files={"files": ("anna.flac", CLEAN_SPEECH.read_bytes())},
        headers={"idempotency-key": "killed"},
    )


def begin(stack: Stack) -> socket.socket:
    """Send the first half of an upload."""
    address = urlsplit(stack.url)
    lines = [
        "POST /api/v2/voice-clones HTTP/1.1", "host: x", f"x-api-key: {stack.client.headers['x-api-key']}",
        "idempotency-key: killed", "content-type: multipart/form-data; boundary=x", "content-length: 9000000", "", "",
    ]  # fmt: skip
    part = b'--x\r\ncontent-disposition: form-data; name="files"; filename="anna.flac"\r\n\r\n'
    connection = socket.create_connection((address.hostname or "", address.port or 0))
    connection.sendall("\r\n".join(lines).encode() + part + CLEAN_SPEECH.read_bytes())
    return connection


def test_the_retry_after_a_killed_api_makes_one_clone(profile: Profile) -> None:
    with running_stack(profile) as stack:
        database = Database(stack.settings.database_url)

        def held() -> Any:
            with database.read() as session:
                return session.execute(select(IdempotencyKey.token, IdempotencyKey.status)).one_or_none()

        with begin(stack):
            assert until(held)
            stack.kill("api")
        stack.reconnect()
        # The supervisor's listener keeps the connection waiting until the API is back.
        assert upload(stack).status_code == 409, "the lease of the dead holder still runs"
        with database.write() as session:
            session.execute(update(IdempotencyKey).values(lease_until=db_now(plus_s=-1)))
        first, again = upload(stack), upload(stack)
        assert (first.status_code, again.status_code) == (201, 201)
        assert (first.content, again.headers["idempotent-replayed"]) == (again.content, "true")
        assert stack.client.get("/voice-clones").json()["data"]["total"] == 1
        database.dispose()
