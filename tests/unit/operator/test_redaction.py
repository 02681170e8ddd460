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
    ],
)
def test_what_lets_somebody_in_is_not_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Secret shuttle-api-keys has a new API key: serving pods accept it",
        "the token for the API server cannot be read: no such file",
        "the registry at http://registry.pynomaly.svc:8000 answered 401",
        "ConfigMap `rows` does not let detectors read it: label it pynomaly.io/use=training",
    ],
)
def test_the_operators_own_sentences_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text
