"""A route for what is asked most: its endpoint is called by itself, in one thread, with no framework before it.

The framework's way to an endpoint costs several times what a status poll does: a thread for each dependency and one
for the endpoint, arguments looked up and validated. Here dependencies do not run, those of the application included,
and nothing is validated: the endpoint takes the request and the words of the path as they came, and looks after the
key, the address and the scope itself. What it declares is documented as of any other.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from anyio import to_thread
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

THREADS: Final = 4  # more than can run Python at once only keep each other waiting, and the pool opening connections


class DirectRoute(APIRoute):
    """Calls a synchronous endpoint as `endpoint(request, **words_of_the_path)`; it must return a Response."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            call = partial(endpoint, request, **request.path_params)
            answer: Response = await to_thread.run_sync(call, limiter=request.app.state.direct)
            return answer

        return handle
