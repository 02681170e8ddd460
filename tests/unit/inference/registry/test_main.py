import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.inference.registry.harness import Reviewer, settings_for

from pynomaly_inference.errors import PynomalyError, ResourceInvalid
from pynomaly_inference.registry.main import run, serve
from pynomaly_inference.registry.settings import RegistrySettings


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = replace(settings_for(tmp_path / "registry.db"), port=port)
        with pytest.raises(PynomalyError, match=f"127.0.0.1:{port}"):
            asyncio.run(serve(settings, Reviewer()))


def test_outside_of_a_cluster_it_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(PynomalyError, match="cluster"):
        run(settings_for(tmp_path / "registry.db"))


@pytest.mark.parametrize("operator", ["", "operator", ":operator", "pynomaly:", "a:b:c", "Pynomaly:operator", "*:*"])
def test_an_operator_that_is_no_service_account_is_refused(operator: str) -> None:
    with pytest.raises(ResourceInvalid, match="NAMESPACE:NAME"):
        RegistrySettings(database="sqlite:///registry.db", operator=operator)
