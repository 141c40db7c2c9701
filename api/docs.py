"""The API's documentation page, from assets inside a package: it works without a network."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

_ASSETS: Final = "/docs/assets"
_KEYS: Final[dict[str, Any]] = {
    "Bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The same key, where that is easier",
    },
}


async def docs(_request: Request) -> HTMLResponse:
    """Show every operation of the native door."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="clonepipe",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon-32x32.png",
    )


async def home(_request: Request) -> RedirectResponse:
    """Lead to the documentation."""
    return RedirectResponse("/docs")


def describe(app: FastAPI) -> None:
    """Make the OpenAPI document what it is served as: with the keys that `api.auth` reads, and in version 3.0.

    The packaged Swagger UI shows nothing of a 3.1 document: its gate is `startsWith("3.0.")` (4.15.5, 2026-11-20).
    """
    app.openapi_version = "3.0.3"
    derive = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        derived = derive()
        document: dict[str, Any] = _as_3_0(derived, derived.get("components", {}).get("schemas", {}))
        document.setdefault("components", {})["securitySchemes"] = _KEYS
        document["security"] = [{name: []} for name in _KEYS]
        document["x-webhooks"] = document.pop("webhooks")  # `webhooks` is 3.1's word; Redoc and others read this one
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's documented way, 2026-11-20


def _as_3_0(part: Any, schemas: Mapping[str, Any]) -> Any:
    """Return a document with 3.1's `anyOf: [X, null]` in the words of 3.0: X, nullable.

    `nullable` speaks of the `type` beside it and of nothing that is referred to, and null must be among an `enum`'s
    values (3.0.3, 2020-02). So a reference that may be null is written out.
    """
    if isinstance(part, list):
        return [_as_3_0(item, schemas) for item in part]
    if not isinstance(part, dict):
        return part
    rest = {name: _as_3_0(value, schemas) for name, value in part.items()}
    choices = [choice for choice in rest.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == len(rest.get("anyOf", ())):
        return rest
    del rest["anyOf"]
    choices[0] = _or_null(choices[0], schemas)
    return rest | ({"anyOf": choices} if len(choices) > 1 else choices[0])


def _or_null(schema: dict[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        schema = _as_3_0(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | values | {"nullable": True}


ROUTES: list[BaseRoute] = [
    Mount(_ASSETS, StaticFiles(directory=Path(str(swagger_ui_path)))),
    Route("/docs", docs),
    Route("/", home),
]
