import time

import pytest

from pynomaly_operator.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://reader:s3cret@db/telemetry refused", "postgresql://***@db/telemetry refused"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer ***"),
        ("token eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl was refused", "token *** was refused"),
        ("host=db password=hunter22 user=reader", "host=db password=*** user=reader"),
        ('{"X-API-Key": "k-123456", "a": 1}', '{"X-API-Key": "***", "a": 1}'),
        ("AWS_SECRET_ACCESS_KEY=abc/def+ghi", "AWS_SECRET_ACCESS_KEY=***"),
        ("https://a.example/b?X-Amz-Signature=0f1e&x=1", "https://a.example/b?X-Amz-Signature=***&x=1"),
        ("https://a.example/b?sv=2024&sig=c2ln%3D&x=1", "https://a.example/b?sv=2024&sig=***&x=1"),
        ("AccountName=rows;AccountKey=a2V5==;x=1", "AccountName=rows;AccountKey=***;x=1"),
        ("Server=db;Uid=reader;Pwd=hunter22;", "Server=db;Uid=reader;Pwd=***;"),
    ],
)
def test_what_lets_somebody_in_is_not_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize("part", ["a", "password", "_sig", "bearer ", "token   ", "eyJa.", "://", '"'])
def test_the_time_it_takes_grows_no_faster_than_the_text(part: str) -> None:
    short, long = (part * (size // len(part)) for size in (20_000, 200_000))

    assert _seconds(long) < 50 * _seconds(short)


def _seconds(text: str) -> float:
    def taken() -> float:
        begun = time.thread_time()
        redacted(text)
        return time.thread_time() - begun

    return min(taken() for _ in range(5))


@pytest.mark.parametrize(
    "text",
    [
        "Secret shuttle-api-keys has a new API key: serving pods accept it",
        'the API server refuses Secret shuttle-api-keys: admission webhook "x" denied the request',
        "the token for the API server cannot be read: no such file",
        "the registry at http://registry.pynomaly.svc:8000 answered 401",
        "the design=1 of a significant change",
        "ConfigMap `rows` does not let detectors read it: label it pynomaly.io/use=training",
    ],
)
def test_the_operators_own_sentences_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text
