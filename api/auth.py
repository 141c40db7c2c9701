"""Who is asking, and may they: the API key of a request, its account, its scopes and how much it asked already."""

from collections.abc import Callable

from starlette.requests import Request

from api.limits import RequestLimits
from shared.errors import MissingScope, Unauthorized
from shared.keys import Caller, Scope, find_caller
from shared.services import Services


def requires(scope: Scope) -> Callable[[Request], Caller]:
    """Return a dependency that lets callers with `scope` through, before a byte of the body is read.

    Raises: Unauthorized, MissingScope, RateLimited.
    """

    def check(request: Request) -> Caller:
        caller = _caller(request)
        if scope not in caller.scopes:
            raise MissingScope(
                f"This API key lacks the permission '{scope}'. Make one that has it: "
                f"clonepipe keys create --name NAME --scope {scope}.",
                required=scope,
                granted=sorted(caller.scopes),
            )
        return caller

    return check


def _caller(request: Request) -> Caller:
    key = presented_key(request)
    if key is None:
        raise Unauthorized
    services: Services = request.app.state.services
    limits: RequestLimits = request.app.state.limits
    limits.check_address(request, key)
    with services.database.read() as session:
        caller = find_caller(session, key)
    if caller is None:
        limits.count_wrong_key(request)
        raise Unauthorized("This API key is not known here, or was revoked. 'clonepipe keys create' makes a new one.")
    limits.remember(key)
    limits.count(request, caller)
    return caller


def presented_key(request: Request) -> str | None:
    """Return the key of `Authorization: Bearer KEY` or, where that is absent, of `x-api-key: KEY`."""
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.headers.get("x-api-key", "").strip() or None
