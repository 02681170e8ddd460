"""`POST /v1/score`."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable

JSON = {"content-type": "application/json"}
CSV = {"content-type": "text/csv"}


@pytest.fixture(scope="module")
def zones(table: Any, running: Any, variant: Any) -> Any:
    """A model with a category that takes missing values."""
    with running(table(variant(name="zones", category=True, missing=True)), ServerSettings()) as client:
        yield client


@pytest.fixture(scope="module")
def several(table: Any, running: Any, variant: Any) -> Any:
    models = (variant(), variant(name="zones", category=True), variant(name="mute", explains=False))
    with running(table(*models), ServerSettings()) as client:
        yield client


def score(client: httpx.Client, query: str = "", **body: Any) -> httpx.Response:
    return client.post(f"/v1/score{query}", json=body)


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    return document


def test_rows_are_answered_in_their_order_with_everything_the_model_says(client: httpx.Client) -> None:
    answer = score(client, rows=[[1, 2], [3, 4], [1.0, 0.0]]).json()

    assert list(answer) == ["model", "threshold", "scores", "labels", "probabilities"]
    assert answer["model"]["name"] == "plant"
    assert answer["model"]["version"] == 0
    assert len(answer["model"]["digest"]) == 64
    assert answer["threshold"] == 4.0
    assert answer["scores"] == [2.0, 12.0, 0.0]
    assert answer["labels"] == [0, 1, 0]
    assert answer["probabilities"] == pytest.approx([0.2, 1.0, 0.0])


def test_records_say_the_same_as_rows_in_any_order_of_their_keys(client: httpx.Client) -> None:
    rows = score(client, rows=[[1, 2], [3, 4]]).json()

    assert score(client, records=[{"a": 1, "b": 2}, {"b": 4, "a": 3}]).json() == rows


def test_csv_says_the_same_as_rows_in_any_order_of_its_columns(client: httpx.Client) -> None:
    rows = score(client, rows=[[1, 2], [3, 4]]).json()

    for text in ("a,b\n1,2\n3,4\n", "b,a\r\n2,1\r\n4,3", '"a","b"\n"1"," 2.0 "\n\n3e0,4\n', "\ufeffa,b\n1,2\n3,4\n"):
        assert client.post("/v1/score", content=text.encode(), headers=CSV).json() == rows


def test_contributions_come_when_asked_for_and_add_up_to_the_score(client: httpx.Client) -> None:
    answer = score(client, "?explain=true", rows=[[1, 2], [3, 4]]).json()

    assert answer["contributions"] == [[0.0, 2.0], [4.0, 8.0]]
    assert [sum(row) for row in answer["contributions"]] == answer["scores"]


def test_a_threshold_in_the_request_labels_by_the_models_own_rule(client: httpx.Client) -> None:
    answer = score(client, "?threshold=2", rows=[[1, 2], [1, 2.0000001], [1, 2.0000000001]]).json()

    assert answer["threshold"] == 2.0
    assert answer["labels"] == [0, 1, 0], "a score within the tolerance of the threshold is no anomaly"


def test_booleans_count_as_0_and_1(client: httpx.Client) -> None:
    assert score(client, rows=[[True, False]]).json()["scores"] == [0.0]
    assert client.post("/v1/score", content=b"a,b\nTRUE,false\n", headers=CSV).json()["scores"] == [0.0]


def test_null_and_an_absent_key_are_missing_values_where_the_model_takes_them(zones: httpx.Client) -> None:
    answer = score(zones, records=[{"a": None, "b": 2, "zone": "red"}, {"b": 2, "zone": "red"}]).json()

    assert answer["scores"] == [4.0, 4.0]
    csv = zones.post("/v1/score", content=b"zone,a,b\nred,,2\nred,nan,2\n", headers=CSV).json()
    assert csv["scores"] == [4.0, 4.0]


def test_categories_are_text_and_an_unknown_or_null_level_is_of_no_level(zones: httpx.Client) -> None:
    answer = score(zones, rows=[[1, 0, "blue"], [1, 0, "red"], [1, 0, "green"], [1, 0, None], [1, 0, 7]]).json()

    assert answer["scores"] == [1.0, 2.0, 0.0, 0.0, 0.0]
    assert score(zones, "?explain=1", rows=[[3, 0, "red"]]).json()["contributions"] == [[4.0, 0.0, 2.0]]


def test_several_models_are_told_apart_by_name(several: httpx.Client) -> None:
    assert score(several, "?model=plant", rows=[[1, 2]]).json()["model"]["name"] == "plant"
    assert score(several, "?model=zones", rows=[[1, 2, "red"]]).json()["scores"] == [4.0]

    assert problem(score(several, rows=[[1, 2]]), 400)["detail"] == (
        "several models are loaded: add ?model=NAME, one of `plant`, `zones`, `mute`"
    )
    assert problem(score(several, "?model=plan", rows=[[1, 2]]), 404)["detail"] == (
        "no model `plan` is loaded: there is `plant`, `zones`, `mute`"
    )


def test_a_model_without_contributions_says_that_it_cannot_explain(several: httpx.Client) -> None:
    document = problem(score(several, "?model=mute&explain=true", rows=[[1, 2]]), 422)

    assert document["detail"] == "model `mute` cannot explain its scores: PCA has no contributions here"


def test_a_score_that_is_not_finite_names_the_row(table: Any, running: Any, variant: Any) -> None:
    with running(table(variant(logarithm=True)), ServerSettings()) as client:
        assert score(client, rows=[[1, 0]]).json()["scores"] == [0.0]
        for rows, row, value in (([[1, 0], [2, 0], [0, 0]], 3, "-inf"), ([[-1, 0]], 1, "nan")):
            document = problem(score(client, rows=rows), 422)
            assert document["row"] == row
            assert document["detail"] == f"row {row} scores {value}: the detector has no finite score for it"


WrongBody = tuple[bytes, int, str, int | None, str | None]
WRONG_BODIES: list[WrongBody] = [
    (b"", 400, "the body is empty", None, None),
    (b'{"rows":[[1,2]', 400, "the body is not JSON: unexpected end of data", None, None),
    (b'{"rows":[[1,NaN]]}', 400, "a missing value is null", None, None),
    (b'{"rows":[[1,1e999]]}', 400, "the body is not JSON: number is infinity", None, None),
    (b"\xff\xfe", 400, "the body is not JSON", None, None),
    (b"[[1,2]]", 422, 'the body must be {"rows": [[...], ...]} or {"records": [{...}, ...]}', None, None),
    (b'{"row":[[1,2]]}', 422, "the body must be", None, None),
    (b'{"rows":[[1,2]],"threshold":1}', 422, "the body has `threshold`: it takes `rows` or `records`", None, None),
    (b'{"rows":[]}', 422, "`rows` is empty: send at least one row", None, None),
    (b'{"rows":{}}', 422, "`rows` is an object; it takes a list", None, None),
    (b'{"records":7}', 422, "`records` is 7; it takes a list", None, None),
    (b'{"rows":[[1,2],3]}', 422, "row 2 is 3; it takes a list of 2 values", 2, None),
    (b'{"rows":[[1,2],[1]]}', 422, "row 2 has 1 values; the model takes 2: `a`, `b`", 2, None),
    (b'{"rows":[[1,2,3],[1]]}', 422, "row 1 has 3 values", 1, None),
    (b'{"rows":[[1,2,3]]}', 422, "row 1 has 3 values", 1, None),
    (b'{"rows":[[[1,2]]]}', 422, "row 1 has 1 values", 1, None),
    (b'{"rows":[[1,[2]]]}', 422, "row 1: `b` is a list; it takes a number", 1, "b"),
    (b'{"rows":[[1,"2"]]}', 422, "row 1: `b` is the text '2'; it takes a number", 1, "b"),
    (b'{"rows":[[1,2],[null,2]]}', 422, "row 2: `a` is missing, and this model takes no missing values", 2, "a"),
    (b'{"records":[{"a":1,"b":2},{"a":1}]}', 422, "row 2 has no `b`", 2, "b"),
    (b'{"records":[{"a":1,"bb":2}]}', 422, "row 1 has no `b`: is `bb` meant as it?", 1, "b"),
    (b'{"records":[[1,2]]}', 422, "row 1 is a list; it takes an object with `a`, `b`", 1, None),
]


@pytest.mark.parametrize("wrong", WRONG_BODIES)
def test_a_wrong_json_body_is_refused_with_what_to_change(client: httpx.Client, wrong: WrongBody) -> None:
    document = problem(client.post("/v1/score", content=wrong[0], headers=JSON), wrong[1])

    assert wrong[2] in document["detail"]
    assert (document.get("row"), document.get("feature")) == wrong[3:]


WRONG_CSV: list[tuple[bytes, int, str]] = [
    (b"", 400, "the body is empty: send a header line"),
    (b"a,b\n", 422, "there is no row below the header"),
    (b"a,b\n1,2,3\n", 422, "row 1 has 3 fields; the header has 2"),
    (b"a,b\n1,2\n1\n", 422, "row 2 has 1 fields"),
    (b"a\n1\n", 422, "the header has no `b`"),
    (b"a,bb\n1,2\n", 422, "the header has no `b`: is `bb` meant as it?"),
    (b"a,b,a\n1,2,3\n", 422, "the header names `a` twice"),
    (b"a,b\n1,x\n", 422, "row 1: `b` is the text 'x'; it takes a number"),
    (b"a,b\n1,1_000\n", 422, "row 1: `b` is the text '1_000'"),
    (b"a,b\n1,inf\n", 422, "row 1: `b` is the text 'inf'"),
    (b"a,b\n1,1e999\n", 422, "row 1: `b` is infinite"),
    (b"a,b\n1,\n", 422, "row 1: `b` is missing, and this model takes no missing values"),
    (b"a,b\n1,\xff\n", 400, "the body is not UTF-8 text: byte 7 is 0xff"),
    (b'a,b\n1,"2\n', 400, "the body is not CSV"),
]


@pytest.mark.parametrize(("body", "status", "sentence"), WRONG_CSV)
def test_a_wrong_csv_body_is_refused_with_what_to_change(
    client: httpx.Client, body: bytes, status: int, sentence: str
) -> None:
    assert sentence in problem(client.post("/v1/score", content=body, headers=CSV), status)["detail"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?treshold=1", "there is no query parameter `treshold`: there are model, explain, normalize, threshold and"),
        ("?threshold=high", "`threshold` takes a finite number"),
        ("?threshold=inf", "`threshold` takes a finite number"),
        ("?explain=perhaps", "`explain` takes true or false"),
        ("?normalize=softmax", "`normalize` takes linear or unify"),
        ("?top_contributions=0", "`top_contributions` takes a whole number from 1"),
        ("?top_contributions=two", "`top_contributions` takes a whole number from 1"),
        ("?explain=false&top_contributions=2", "leave one of them out"),
        ("?model=plant&model=plant", "a query parameter is there twice"),
        ("?model=%ff", "the query string cannot be read"),
    ],
)
def test_a_wrong_query_is_refused_with_what_it_takes(client: httpx.Client, query: str, sentence: str) -> None:
    assert sentence in problem(score(client, query, rows=[[1, 2]]), 400)["detail"]


def test_a_body_of_another_media_type_is_refused(client: httpx.Client) -> None:
    response = client.post("/v1/score", content=b"a=1", headers={"content-type": "application/x-www-form-urlencoded"})

    assert problem(response, 415)["detail"] == (
        "the body is application/x-www-form-urlencoded: send application/json, application/x-ndjson, text/csv, "
        "application/vnd.apache.arrow.stream or application/vnd.apache.parquet, and name it so"
    )
    for media in ("Application/JSON; charset=utf-8", "text/csv; header=present"):
        body = b'{"rows":[[1,2]]}' if "JSON" in media else b"a,b\n1,2\n"
        assert client.post("/v1/score", content=body, headers={"content-type": media}).json()["scores"] == [2.0]


def test_many_rows_score_as_they_do_one_by_one(client: httpx.Client, variant: Callable[[], Any]) -> None:
    rows = [[index / 100, -index / 50] for index in range(30_000)]

    answer = score(client, rows=rows).json()

    assert answer["scores"] == pytest.approx([variant().score(a, b) for a, b in rows], rel=1e-12)
    assert answer["labels"] == [int(value > 4.0) for value in answer["scores"]]


def test_table_of_models_needs_a_model(table: Callable[..., ModelTable]) -> None:
    with pytest.raises(Exception, match="no model to serve"):
        table()
