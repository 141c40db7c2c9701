"""The application over a real database of each kind and a real folder; the broker is absent, as it may be."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from shared import keys
from shared.doorbell import BackgroundBell
from shared.keys import ALL_SCOPES, MAIN_ACCOUNT
from shared.services import Services
from shared.settings import Settings
from tests.servers import serving
from tests.stack import CLEAN_SPEECH

SPEECH = CLEAN_SPEECH.read_bytes()
Form = dict[str, str]


@dataclass
class Door:
    """The service in this process, and a client whose key may do everything."""

    services: Services
    client: httpx.Client
    key: str
    app: FastAPI

    def watchers(self) -> int:
        """Return how many streams and waiting polls are open."""
        return int(self.app.state.feed.count)

    def new_key(self, *scopes: str, account_id: str = MAIN_ACCOUNT) -> dict[str, str]:
        """Return the headers of a fresh key."""
        with self.services.database.write() as session:
            key = keys.create_key(session, account_id, name="test", scopes=scopes or tuple(ALL_SCOPES))
        return {"authorization": f"Bearer {key}"}

    def new_account(self) -> dict[str, str]:
        """Return the headers of a key on a fresh account."""
        with self.services.database.write() as session:
            account_id = keys.create_account(session)
        return self.new_key(account_id=account_id)

    def post(self, *files: tuple[str, bytes], headers: Form | None = None, **fields: str) -> Any:
        """Upload; without files an empty form part keeps the request multipart."""
        parts = [("files", file) for file in files] or [("", ("", b""))]
        return self.client.post("/api/v2/voice-clones", data=fields, files=parts, headers=headers)

    def create(self, name: str = "Anna", **fields: str) -> dict[str, Any]:
        answer = self.post(("anna.flac", SPEECH), name=name, **fields)
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def objects(self) -> list[str]:
        """Return every object in storage, finished or not."""
        root = Path(self.services.settings.storage_url.removeprefix("file://"))
        return [path.name for path in root.rglob("*") if path.is_file() and path.parent != root]


@pytest.fixture
def make_door(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Door]]:
    opened: list[Door] = []
    stack = ExitStack()

    def make(**overrides: Any) -> Door:
        chosen = {
            "data_dir": tmp_path, "database_url": database_url, "max_clones_per_user": 0,
            "requests_per_minute_per_key": 0, "requests_per_minute_per_account": 0, **overrides,
        }  # fmt: skip
        services = Services.open(Settings(**chosen))
        keys.ensure_bootstrap(services.database, "operator-key")
        bell = BackgroundBell("redis+socket://" + str(tmp_path / "no-broker.sock"))
        app = create_app(services, bell)
        port = stack.enter_context(serving(app))
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
        client.headers["authorization"] = "Bearer operator-key"
        opened.append(Door(services, stack.enter_context(client), "operator-key", app))
        return opened[-1]

    with stack:
        yield make
    for door in opened:
        door.services.database.dispose()


@pytest.fixture
def door(make_door: Callable[..., Door]) -> Door:
    return make_door()
