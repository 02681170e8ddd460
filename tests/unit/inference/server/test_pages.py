"""Health, headers, the card, the pages' files, and what is not there."""

from typing import Any

import httpx
import pytest

ALWAYS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}


def test_health_tells_each_component_without_details(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "components": {"scoring": "ok", "keys": "open"}}
    assert client.get("/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/score"), ("POST", "/v2/models/plant/infer"), ("POST", "/v2/models/x/infer"), ("GET", "/v1/score"),
        ("GET", "/health"), ("GET", "/metrics"), ("GET", "/nothing"), ("GET", "/openapi.json"), ("GET", "/v1/card"),
    ],
)  # fmt: skip
def test_answers_of_the_api_load_nothing_and_are_not_stored(client: httpx.Client, method: str, path: str) -> None:
    headers = client.request(method, path).headers

    assert ALWAYS.items() <= headers.items()
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_the_root_is_a_page_for_browsers_and_a_sign_of_life_for_clients(client: httpx.Client) -> None:
    page = client.get("/", headers={"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")

    alive = client.get("/")
    assert alive.json() == {"status": "alive"}
    assert alive.headers["vary"] == "accept"
    assert page.headers["vary"].split(", ") == ["accept", "Accept-Encoding"]


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/static/style.css", "/docs", "/docs/swagger-ui-bundle.js"])
def test_pages_load_from_this_server_alone_and_run_no_inline_script(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert ALWAYS.items() <= response.headers.items()
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["style-src"] == ("'self' 'unsafe-inline'" if path.startswith("/docs") else "'self'")


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e%2fapp.py", "/docs/__init__.py", "/static/nothing.js"]
)
def test_no_other_file_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_card_tells_all_but_the_golden_rows(client: httpx.Client) -> None:
    card: dict[str, Any] = client.get("/v1/card").json()

    assert card["name"] == "plant"
    assert card["version"] == 0
    assert card["semantics"] == "exact"
    assert card["meaning"] == "Each score equals PyOD's own score of the same rows."
    assert [feature["name"] for feature in card["features"]] == ["a", "b"]
    assert card["quantileLevels"][4] == 0.5
    assert card["evaluation"]["rocAuc"] == 0.93
    assert "golden" not in card
    assert client.get("/v1/card?model=x").status_code == 404


def test_what_is_not_there_says_where_to_look(client: httpx.Client) -> None:
    missing = client.get("/nothing")
    assert missing.status_code == 404
    assert missing.json()["detail"] == "there is nothing at this path: /docs lists what there is"

    method = client.get("/v1/score")
    assert method.status_code == 405
    assert method.headers["allow"] == "POST"
    assert method.json()["detail"] == "this path does not take GET: it takes POST"
