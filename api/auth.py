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
        key = required_key(request)
        services: Services = request.app.state.services
        with services.database.read() as session:
            caller = find_caller(session, key)
        return admit(request, key, caller, scope)

    return check


def required_key(request: Request) -> str:
    """Return the key that a request presents, before anybody is asked about it. Raises: Unauthorized, RateLimited."""
    key = presented_key(request)
    if key is None:
        raise Unauthorized
    limits: RequestLimits = request.app.state.limits
    limits.check_address(request, key)
    return key


def admit(request: Request, key: str, caller: Caller | None, scope: Scope) -> Caller:
    """Count a request and let it through; `caller` is whose key it is, None for nobody's.

    Raises: Unauthorized, MissingScope, RateLimited.
    """
    limits: RequestLimits = request.app.state.limits
    if caller is None:
        limits.count_wrong_key(request)
        raise Unauthorized("This API key is not known here, or was revoked. 'clonepipe keys create' makes a new one.")
    limits.remember(key)
    limits.count(request, caller)
    if scope not in caller.scopes:
        raise MissingScope(
            f"This API key lacks the permission '{scope}'. Make one that has it: "
            f"clonepipe keys create --name NAME --scope {scope}.",
            required=scope,
            granted=sorted(caller.scopes),
        )
    return caller


def presented_key(request: Request) -> str | None:
    """Return the key of `Authorization: Bearer KEY` or, where that is absent, of `x-api-key: KEY`."""
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.headers.get("x-api-key", "").strip() or None
