"""The page, the API's documentation, and their files: all from this server."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

_OWN = Path(str(files("pynomaly_inference.server") / "static"))
_HTML = "text/html"
_BY_ACCEPT = {"vary": "accept"}
_SWAGGER_PACKAGE = "fastapi_swagger"


def router() -> APIRouter:
    """The static routes; each folder offers exactly the files that are in it."""
    routes = APIRouter(include_in_schema=False)
    own = _by_name(_OWN)
    docs = {**_by_name(_swagger()), "docs.js": own["docs.js"]}

    @routes.get("/")
    async def page(request: Request) -> Response:
        # KServe's clients ask here, in its v1 protocol, whether the server lives; browsers say that they want HTML.
        if _HTML not in request.headers.get("accept", ""):
            return JSONResponse({"status": "alive"}, headers=_BY_ACCEPT)
        return FileResponse(own["index.html"], headers=_BY_ACCEPT)

    @routes.get("/docs")
    async def documentation() -> Response:
        return FileResponse(own["docs.html"])

    @routes.get("/static/{name}")
    async def static(name: str) -> Response:
        return _file(own, name)

    @routes.get("/docs/{name}")
    async def documentation_file(name: str) -> Response:
        return _file(docs, name)

    return routes


def _file(folder: dict[str, Path], name: str) -> Response:
    if name not in folder:
        raise HTTPException(404)
    return FileResponse(folder[name])


def _by_name(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir() if path.suffix in {".css", ".html", ".js", ".png", ".svg"}}


def _swagger() -> Path:
    # Found, not imported: the package imports more of FastAPI than its files need.
    spec = find_spec(_SWAGGER_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(_SWAGGER_PACKAGE)
    return Path(spec.origin).parent / "resources"
