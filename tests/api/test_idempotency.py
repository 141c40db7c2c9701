"""The mechanism by itself: what a request is known by, and a JSON operation that creates."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.app import create_app
from api.idempotency import form_fingerprint, json_fingerprint, reserved
from shared import keys
from shared.db.models import Account
from shared.doorbell import BackgroundBell
from shared.keys import MAIN_ACCOUNT, Caller
from shared.services import Services
from shared.settings import Settings
from tests.databases import PostgresServer
from tests.processes import until
from tests.servers import serving

CALLER = Caller(MAIN_ACCOUNT, "key_test", frozenset())


def a_request(method: str = "POST", path: str = "/things") -> Request:
    return Request({"type": "http", "method": method, "path": path, "headers": [], "query_string": b""})


FORM: dict[str, Any] = {"fields": {"name": ("Anna",), "label": ("a", "b")}, "files": [("files", "a.wav", "0" * 64)]}


def test_a_form_is_known_by_its_content_in_any_order_of_fields() -> None:
    other_order = {**FORM, "fields": {"label": ("a", "b"), "name": ("Anna",)}}
    assert form_fingerprint(a_request(), **FORM) == form_fingerprint(a_request(), **other_order)


@pytest.mark.parametrize(
    "change",
    [
        {"fields": {"name": ("Anna",), "label": ("b", "a")}},
        {"fields": {"name": ("Anna",), "label": ("ab",)}},
        {"fields": {"name": ("Anna",)}},
        {"files": [("files", "b.wav", "0" * 64)]},
        {"files": [("files", "a.wav", "1" * 64)]},
        {"files": [("other", "a.wav", "0" * 64)]},
        {"files": FORM["files"] * 2},
        {"files": []},
    ],
    ids=str,
)
def test_another_form_is_known_by_something_else(change: dict[str, Any]) -> None:
    assert form_fingerprint(a_request(), **FORM) != form_fingerprint(a_request(), **{**FORM, **change})


def test_files_count_in_their_order() -> None:
    one, two = ("files", "a.wav", "0" * 64), ("files", "b.wav", "1" * 64)
    assert form_fingerprint(a_request(), {}, [one, two]) != form_fingerprint(a_request(), {}, [two, one])


def test_method_and_path_belong_to_it() -> None:
    known = {form_fingerprint(a_request(*place), **FORM) for place in (("POST", "/a"), ("PUT", "/a"), ("POST", "/b"))}
    assert len(known) == 3


def test_json_is_known_by_its_content_in_any_order_of_members() -> None:
    one, same, other = {"a": 1, "b": ["ü", None]}, {"b": ["ü", None], "a": 1}, {"a": 1, "b": [None, "ü"]}
    assert json_fingerprint(a_request(), one) == json_fingerprint(a_request(), same)
    assert json_fingerprint(a_request(), one) != json_fingerprint(a_request(), other)
    assert len(json_fingerprint(a_request(), "\ud800")) == 64


async def make_account(request: Request) -> Response:
    """A JSON operation that creates, as doors write them."""
    async with reserved(request, CALLER) as reservation:
        body = await request.json()
        fingerprint = json_fingerprint(request, body)
        if reservation.is_completed:
            return reservation.replay(fingerprint)
        services: Services = request.app.state.services
        with services.database.write() as session:
            answer = JSONResponse({"id": keys.create_account(session, max_clones=body["max"])}, 201)
            reservation.complete(session, fingerprint, answer)
        return answer


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[tuple[Services, httpx.Client]]:
    with service_on(database_url, tmp_path) as opened:
        yield opened


@contextmanager
def service_on(database_url: str, tmp_path: Path) -> Iterator[tuple[Services, httpx.Client]]:
    services = Services.open(Settings(data_dir=tmp_path, database_url=database_url))
    keys.ensure_bootstrap(services.database, None)
    app: Starlette = create_app(services, BackgroundBell("redis+socket://" + str(tmp_path / "no-broker.sock")))
    app.router.routes.insert(0, Route("/things", make_account, methods=["POST"]))
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield services, client
    services.database.dispose()


def test_a_json_operation_creates_once(service: tuple[Services, httpx.Client]) -> None:
    services, client = service
    headers = {"idempotency-key": "k"}
    first = client.post("/things", content='{"max": 3, "name": "x"}', headers=headers)
    again = client.post("/things", content='{"name":"x","max":3}', headers=headers)
    other = client.post("/things", json={"max": 4}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (first.content, again.headers["idempotent-replayed"]) == (again.content, "true")
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 2


def test_an_operation_that_fails_unforeseen_gives_the_key_back(service: tuple[Services, httpx.Client]) -> None:
    _, client = service
    headers = {"idempotency-key": "k", "connection": "close"}
    assert client.post("/things", json={}, headers=headers).status_code == 500
    assert client.post("/things", json={"max": 1}, headers=headers).status_code == 201


def test_a_key_that_could_not_be_given_back_at_once_is_free_long_before_its_lease_is_over(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    headers = {"idempotency-key": "k", "connection": "close"}
    with service_on(url, tmp_path) as (_, client):
        read_only = postgres.read_only(url)

        def body() -> Iterator[bytes]:
            yield b"{"
            read_only.__enter__()  # the key is reserved by now
            yield b"}"

        refused = client.post("/things", content=body(), headers=headers)
        read_only.__exit__(None, None, None)
        assert refused.status_code >= 500
        assert until(lambda: client.post("/things", json={"max": 1}, headers=headers).status_code == 201, within_s=20)


def test_blanks_around_a_key_are_not_part_of_it(service: tuple[Services, httpx.Client]) -> None:
    _, client = service
    plain = http.client.HTTPConnection(client.base_url.host, client.base_url.port)  # httpx sends no such value
    plain.request("POST", "/things", '{"max": 3}', {"Idempotency-Key": " padded \t", "Connection": "close"})
    first = plain.getresponse()
    again = client.post("/things", json={"max": 3}, headers={"Idempotency-Key": "padded"})
    assert (first.status, again.json()) == (201, json.load(first))
    inside = client.post("/things", json={"max": 3}, headers={"Idempotency-Key": "a b"})
    assert inside.json()["code"] == "INVALID_FIELD"
