"""Every failure is an RFC 9457 problem."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pynomaly_inference.errors import PynomalyError

_log = logging.getLogger(__name__)
_RETRY_AFTER = "5"


class Problem(PynomalyError):  # the base's exit code never applies: a refused request ends no process
    """A request that is not granted: an HTTP status from 400 up, and a sentence that says what to change."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def install(app: FastAPI) -> None:
    """Makes every failure of the application a problem."""
    app.exception_handler(Problem)(_problem)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(ClientDisconnect)(_left)
    for unavailable in (DBAPIError, NoConnection, OSError):
        app.exception_handler(unavailable)(_unavailable)
    app.exception_handler(Exception)(_unexpected)


def respond(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The problem as a response."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


async def _problem(_request: Request, error: Problem) -> JSONResponse:
    return respond(error.status, error.detail, error.headers)


async def _http(_request: Request, error: HTTPException) -> JSONResponse:
    return respond(error.status_code, error.detail, error.headers)


async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    return respond(422, f"{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}")


async def _left(_request: Request, _error: Exception) -> JSONResponse:
    return respond(400, "the connection ended before the request was whole")


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, IntegrityError | DataError):
        raise error  # the database is well: the registry is wrong
    _log.error("%s %s: the database or the disk failed: %s", request.method, request.url.path, error)
    return respond(503, "the registry cannot use its database now: try again", {"Retry-After": _RETRY_AFTER})


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    # Starlette raises the error again once this is sent, and the server logs it.
    return respond(500, "the registry failed; its log says why")
