import asyncio

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection

from pynomaly_inference.registry import problems


def answer_when(error: Exception) -> httpx.Response:
    """What the caller gets when a route fails so."""
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def fails() -> None:
        raise error

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
            return await client.get("/")

    return asyncio.run(ask())


@pytest.mark.parametrize("kind", [DBAPIError, OperationalError, InterfaceError, ProgrammingError])
def test_a_database_that_fails_is_503_and_worth_another_try(kind: type[DBAPIError]) -> None:
    answer = answer_when(kind("SELECT secret", {"key": "secret"}, Exception("secret")))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


@pytest.mark.parametrize("error", [NoConnection("secret"), TimeoutError("secret"), ConnectionRefusedError("secret")])
def test_a_connection_that_cannot_be_had_is_503_too(error: Exception) -> None:
    answer = answer_when(error)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "secret" not in answer.text


@pytest.mark.parametrize("kind", [IntegrityError, DataError])
def test_rows_that_cannot_be_are_the_registrys_fault_and_no_reason_to_try_again(kind: type[DBAPIError]) -> None:
    answer = answer_when(kind("INSERT secret", {"key": "secret"}, Exception("secret")))
    assert answer.status_code == 500
    assert "retry-after" not in answer.headers
    assert "secret" not in answer.text
