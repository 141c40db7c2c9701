"""The floor of every answer: Starlette with nothing behind it, under the server settings of the product's API.

    python -m tests.bench.bare FD [BODY]     serves that socket; BODY is a JSON file

GET answers BODY as a JSONResponse, made anew each time; POST reads a body and forgets it.
"""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def make_app(body: dict[str, Any]) -> Starlette:
    """Return the application."""

    async def get(request: Request) -> JSONResponse:
        return JSONResponse(body)

    async def drain(request: Request) -> JSONResponse:
        async for _ in request.stream():
            pass
        return JSONResponse({"success": True}, 201)

    return Starlette(routes=[Route("/{rest:path}", get), Route("/{rest:path}", drain, methods=["POST"])])


def main() -> None:
    """Serve the inherited socket until stopped."""
    body = json.loads(Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else {}
    # As api.commands.serving does it.
    config = uvicorn.Config(
        make_app(body), log_config=None, access_log=False, lifespan="off", server_header=False, timeout_keep_alive=30
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
