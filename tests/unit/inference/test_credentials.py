"""No error says a secret."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_inference.credentials import redacted, unseen
from pynomaly_inference.errors import PynomalyError, SourceUnreachable

PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="*"), min_size=3)


@given(PASSWORDS, st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_replaced_wherever_it_stands(secret: str, before: str, after: str) -> None:
    shown = redacted(f"{before}{secret}{after}", {"PGPASSWORD": secret})
    assert "***" in shown
    assert secret not in shown


def test_secrets_are_found_as_urls_escape_them() -> None:
    environment = {"AWS_SECRET_ACCESS_KEY": "a/b+c=d"}
    assert redacted("x a%2Fb%2Bc%3Dd y a/b%2Bc%3Dd z", environment) == "x *** y *** z"


def test_each_part_of_a_connection_string_is_a_secret() -> None:
    environment = {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=plant;AccountKey=s3cret==;"}
    assert redacted("the key s3cret== is wrong", environment) == "the key *** is wrong"


def test_the_private_key_in_googles_credentials_is_a_secret() -> None:
    environment = {"GOOGLE_CREDENTIALS": json.dumps({"type": "service_account", "private_key": "-----BEGIN"})}
    assert redacted("bad -----BEGIN", environment) == "bad ***"


def test_what_is_no_secret_stays() -> None:
    environment = {"PGUSER": "ann", "AWS_ACCESS_KEY_ID": "AKIA", "PGPASSWORD": ""}
    assert redacted("ann and AKIA", environment) == "ann and AKIA"


def test_an_error_keeps_its_kind_and_loses_its_cause() -> None:
    told = pytest.raises(SourceUnreachable, match=r"^the password \*\*\* is wrong$")
    with told as raised, unseen({"PGPASSWORD": "sesame"}):
        raise SourceUnreachable("the password sesame is wrong") from ValueError("sesame")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_an_error_of_any_kind_is_told_without_the_secret() -> None:
    with pytest.raises(PynomalyError, match=r"ValueError\('\*\*\*'\)"), unseen({"PGPASSWORD": "sesame"}):
        raise ValueError("sesame")
    with pytest.raises(ValueError, match="other"), unseen({"PGPASSWORD": "sesame"}):
        raise ValueError("other")
