"""The API's documentation page, from assets inside a package: it works without a network."""

from pathlib import Path
from typing import Final

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

_ASSETS: Final = "/docs/assets"


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


ROUTES: list[BaseRoute] = [
    Mount(_ASSETS, StaticFiles(directory=Path(str(swagger_ui_path)))),
    Route("/docs", docs),
    Route("/", home),
]
