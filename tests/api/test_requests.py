"""Every request has an id, and an error that nobody foresaw costs one answer and not the connection."""

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.requests import RequestIds
from tests.servers import serving


async def fragile(scope: Scope, receive: Receive, send: Send) -> None:
    if Request(scope).url.path == "/broken":
        raise RuntimeError("a secret of ours")
    await PlainTextResponse("fine")(scope, receive, send)


def test_an_unforeseen_error_is_500_in_the_envelope_and_the_connection_goes_on() -> None:
    with (
        serving(RequestIds(fragile)) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        for _ in range(3):
            broken = client.get("/broken")
            assert (broken.status_code, broken.json()["code"]) == (500, "INTERNAL_ERROR")
            assert "secret" not in broken.text
            assert broken.json()["requestId"] == broken.headers["x-request-id"]
            assert client.get("/").text == "fine"
