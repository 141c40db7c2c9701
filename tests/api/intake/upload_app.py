"""The smallest application that receives a form: for tests over real sockets, in a thread or as a process."""

import contextlib
import json
import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.intake.buffers import BufferPool
from api.intake.draining import BodyWatch, DrainingResponse
from api.intake.recordings import IntakeLimits, receive_form
from api.protocol import BoundedProtocol
from shared.errors import MissingField, ServiceError
from shared.ids import random_word
from shared.settings import MIB
from shared.storage.folder import FolderStorage

LIMITS = IntakeLimits(max_files=10, max_file_bytes=50 * MIB, max_fields=10, max_field_bytes=10_000)


class QuickDraining(DrainingResponse):
    """The same, with limits that a test can wait for."""

    drain_bytes = 4 * MIB
    drain_s = 0.5
    idle_s = 0.3
    pause_s = 0.5


def create_app(folder, *, watched=True, draining=DrainingResponse):
    pool = BufferPool(24)
    storage = FolderStorage(folder)
    app = Starlette(middleware=[Middleware(BodyWatch)] if watched else [])

    async def upload(request):
        length = request.headers.get("content-length")
        try:
            if request.headers.get("authorization") == "nobody":
                raise MissingField("before the body is read")
            form = await receive_form(
                request.stream(),
                request.headers.get("content-type"),
                int(length) if length else None,
                storage=storage,
                buffers=pool,
                limits=LIMITS,
                key_for=lambda _: f"samples/{random_word(8)}",
            )
            if "late" in form.fields:
                await form.discard()
                raise MissingField("after the body is read")
        except ServiceError as error:
            body = json.dumps({"code": error.code, "details": dict(error.details)}).encode()
            return draining(body, status=error.status, headers={"x-test": "1"})
        except ClientDisconnect:
            return Response(status_code=400)
        return JSONResponse([[one.filename, one.size_bytes, one.sha256] for one in form.recordings], 201)

    async def ping(request):
        return JSONResponse("pong")

    app.router.routes += [Route("/upload", upload, methods=["POST"]), Route("/ping", ping)]
    return app


def main(folder):
    """Serve until the parent closes our standard input; say the port on standard output."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(Path(folder)), loop="uvloop", http=BoundedProtocol, log_level="error", lifespan="off"
    )
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


def end_with_parent():
    with contextlib.suppress(OSError):
        sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
