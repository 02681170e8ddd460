"""`pynomaly run` and `serve` refuse what cannot be before they work."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--host", "0.0.0.0"], 10, "without keys the server listens on loopback only"),  # noqa: S104 - what is refused
        (["--keys", "empty"], 10, "empty"),
        (["--keys", "missing"], 10, "missing"),
        (["--output", "nowhere/model.onnx"], 2, "nowhere"),
        (["--mount", "pvc=."], 2, "--mount"),
    ],
)
def test_run_checks_its_options_before_it_trains(
    pynomaly: Run, folder: Path, options: list[str], code: int, words: str
) -> None:
    (folder / "empty").write_text("\n")
    done = pynomaly("run", "detector.yaml", "--port", "0", *options)
    assert done.returncode == code
    assert words in done.stderr
    assert "Reading" not in done.stderr


def test_a_port_that_is_taken_is_told_before_the_training(pynomaly: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = pynomaly("run", "detector.yaml", "--port", str(port))
    assert done.returncode == 2
    assert done.stderr == (
        f"AddressUnavailable: cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port\n"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jwt-issuer", "i", "--jwks", "keys.json"], "tokens need all of --jwt-issuer, --jwt-audience and --jwks"),
        (["--jwt-issuer=i", "--jwt-audience=a", "--jwks", "ftp://x/keys"], "is neither an http(s) URL nor a file"),
    ],
)
def test_serve_takes_an_issuer_of_tokens_whole(pynomaly: Run, options: list[str], words: str) -> None:
    done = pynomaly("serve", "pumps.csv", *options)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_serve_refuses_what_is_no_model(pynomaly: Run) -> None:
    done = pynomaly("serve", "pumps.csv")
    assert done.returncode == 18
    assert "`pumps.csv`: not a model file of `pynomaly train`" in done.stderr
