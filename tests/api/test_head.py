"""HEAD wherever GET is."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from api.head import HeadRequests, is_head
from tests.servers import serving


def word(request: Request) -> PlainTextResponse:
    return PlainTextResponse("12345", headers={"x-is-head": str(is_head(request.scope))})


@pytest.mark.parametrize(("method", "body"), [("GET", "12345"), ("HEAD", "")])
def test_head_has_the_headers_of_get_and_no_body(method: str, body: str) -> None:
    app = Starlette(routes=[Route("/", word, methods=["GET"])])
    app.add_middleware(HeadRequests)
    with serving(app) as port:
        answer = httpx.request(method, f"http://127.0.0.1:{port}/", trust_env=False)
    assert (answer.status_code, answer.text, answer.headers["content-length"]) == (200, body, "5")
    assert answer.headers["x-is-head"] == str(method == "HEAD")
