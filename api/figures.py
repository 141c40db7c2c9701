"""The API's metrics at `/metrics`, where no port of their own is set: for who asks from this machine, and nobody else.

They are figures of all accounts together, so no account's key opens them. What came through a proxy is from elsewhere,
also where the proxy runs here.
"""

from ipaddress import ip_address
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.envelope import refusal
from shared import metrics
from shared.errors import NotFound
from shared.tally import Tally

_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_AT_ONCE: Final = 2  # threads of their own: a database that is silent holds up nobody else


class Figures:
    """What the API tells of itself, and of the database."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._threads = CapacityLimiter(_AT_ONCE)

    async def page(self) -> bytes:
        return await to_thread.run_sync(metrics.page, metrics.API, self._tally, limiter=self._threads)


async def metrics_page(request: Request) -> Response:
    """Answer with the figures, or as if there were nothing here."""
    figures: Figures | None = request.app.state.figures
    if figures is None or not _is_from_here(request):
        return refusal(request, NotFound("Metrics are told to this machine only, or at CLONEPIPE_METRICS_PORT."))
    return Response(await figures.page(), media_type=metrics.CONTENT_TYPE)


def _is_from_here(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _PASSED_ON):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


ROUTES = [Route("/metrics", metrics_page)]
