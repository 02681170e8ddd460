import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from pynomaly_operator import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs go, configured as the operator configures them."""
    root, kopf = logging.getLogger(), logging.getLogger("kopf")
    before = root.handlers[:], root.level, kopf.level
    found = io.StringIO()
    logs.configure("INFO", found)
    yield found
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, kopf.level = before


def test_a_line_is_json_and_says_when_who_and_about_which_detector(stream: io.StringIO) -> None:
    with bound_contextvars(namespace="plant-a", detector="shuttle"):
        logging.getLogger("pynomaly_operator.workqueue").warning("failed, again in %.1f s", 0.2)

    (line,) = _lines(stream)
    moment = line.pop("timestamp")
    assert moment.endswith("Z")
    assert line == {
        "event": "failed, again in 0.2 s",
        "level": "warning",
        "logger": "pynomaly_operator.workqueue",
        "namespace": "plant-a",
        "detector": "shuttle",
    }


def test_kopfs_lines_are_json_too_and_name_their_object(stream: io.StringIO) -> None:
    extra = {"k8s_ref": {"name": "shuttle"}, "settings": None}
    logging.getLogger("kopf.objects").error("Failed", extra=extra)
    logging.getLogger("kopf.objects").info("a line an event")

    (line,) = _lines(stream)
    assert (line["event"], line["logger"], line["k8s_ref"]) == ("Failed", "kopf.objects", {"name": "shuttle"})


def test_an_exception_is_in_its_line_without_the_credentials_that_it_tells(stream: io.StringIO) -> None:
    error = OSError("postgresql://reader:s3cret@db: no route")
    logging.getLogger("any.library").error("cannot reach https://me:pass@host/", exc_info=error)

    (line,) = _lines(stream)
    assert line["event"] == "cannot reach https://***@host/"
    assert "OSError: postgresql://***@db: no route" in line["exception"]
    assert "s3cret" not in stream.getvalue()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]
