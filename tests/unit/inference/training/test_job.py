"""A training Job's last words fit into a pod's status, and are true."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pynomaly_inference.errors import DataRejected
from pynomaly_inference.training.job import MAX_BYTES, TerminationMessage

FINGERPRINT = "f" * 64


@given(unit=st.text(min_size=1, max_size=12), times=st.integers(1, 3000))
def test_a_message_fits_and_begins_as_the_error_does(unit: str, times: int) -> None:
    text = unit * times
    content = TerminationMessage.failed(FINGERPRINT, DataRejected(text)).to_bytes()
    said = json.loads(content)
    assert len(content) <= MAX_BYTES
    assert (said["format"], said["fingerprint"], said["outcome"]) == (1, FINGERPRINT, "DataRejected")
    assert text.startswith(said["message"])


@given(st.text("\x00é\U0001f600a", min_size=1, max_size=12))
def test_only_what_does_not_fit_is_cut(unit: str) -> None:
    content = TerminationMessage.failed(FINGERPRINT, DataRejected(unit * MAX_BYTES)).to_bytes()
    assert len(content) > MAX_BYTES - 16


def test_a_short_message_is_whole() -> None:
    said = json.loads(TerminationMessage.failed(FINGERPRINT, DataRejected("column `a` is empty")).to_bytes())
    assert said == {
        "format": 1,
        "fingerprint": FINGERPRINT,
        "outcome": "DataRejected",
        "message": "column `a` is empty",
    }
