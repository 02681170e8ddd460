"""What a source's URI means in a cluster, and what its Job gets for it."""

import re
from typing import Any

import pytest
from tests.unit.operator.resources import MINIMAL, wanted

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.rules import URI_PATTERN
from pynomaly_operator.desired.fingerprint import attempt, fingerprint
from pynomaly_operator.desired.job import job
from pynomaly_operator.desired.sources import cluster_source
from pynomaly_operator.desired.wanted import Wanted


def of(source: dict[str, Any], **spec: Any) -> Wanted:
    return wanted({**MINIMAL, "training": {"source": source}, **spec}, None, due=True)


def container(made: Wanted) -> dict[str, Any]:
    manifest = job(made)
    assert manifest is not None
    (only,) = manifest["spec"]["template"]["spec"]["containers"]
    return dict(only)


@pytest.mark.parametrize(
    ("uri", "scheme", "name", "port"),
    [
        ("pvc://telemetry/a/*.parquet", "pvc", "telemetry", 0),
        ("configmap://telemetry/a.csv", "configmap", "telemetry", 0),
        ("http://example.org/a.csv", "web", "example.org", 80),
        ("https://[2606:4700::1111]:8443/a.csv", "web", "2606:4700::1111", 8443),
        ("s3://data/a.csv", "web", "s3.amazonaws.com", 443),
        ("gs://data/a.csv", "web", "storage.googleapis.com", 443),
        ("abfs://data@plant7.dfs.core.windows.net/a.csv", "web", "blob.core.windows.net", 443),
        ("postgresql://db.example.org/plant?sslmode=verify-full", "web", "db.example.org", 5432),
        ("postgresql://10.1.2.3:6432/plant", "web", "10.1.2.3", 6432),
    ],
)
def test_a_uri_says_what_to_mount_or_where_to_connect(uri: str, scheme: str, name: str, port: int) -> None:
    source = cluster_source(uri)
    assert (source.scheme, source.name, source.port) == (scheme, name, port)
    assert re.search(URI_PATTERN, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "rows.csv", "file:///rows.csv", "s3://data", "s3://key:s3cret@data/a.csv", "https://ann@example.org/a.csv",
        "postgresql://db", "postgresql://ann:s3cret@db/plant", "postgresql://db/plant?password=s3cret",
        "abfs://key:s3cret@plant7.dfs.core.windows.net/a.csv", "abfs://a@example.org/b.csv", "ftp://host/a.csv",
    ],
)  # fmt: skip
def test_what_has_no_meaning_in_a_cluster_is_refused_as_the_definition_does(uri: str) -> None:
    with pytest.raises(ResourceInvalid) as raised:
        cluster_source(uri)
    assert "s3cret" not in str(raised.value)
    assert not re.search(URI_PATTERN, uri)


def test_the_secrets_entries_become_the_variables_of_the_source_and_no_others() -> None:
    made = of({"uri": "postgresql://db.example.org/plant", "query": "SELECT 1", "credentials": "warehouse"})
    variables = [entry for entry in container(made)["env"] if "valueFrom" in entry]
    assert variables == [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "warehouse", "key": name, "optional": True}}}
        for name in ("PGUSER", "PGPASSWORD")
    ]
    assert "envFrom" not in container(made)


def test_without_credentials_there_are_no_variables() -> None:
    assert [entry for entry in container(of({"uri": "s3://data/a.csv"}))["env"] if "valueFrom" in entry] == []


def test_credentials_are_no_part_of_the_model_but_of_the_attempt() -> None:
    bare = of({"uri": "s3://data/a.csv"})
    opened = of({"uri": "s3://data/a.csv", "credentials": "warehouse"})
    assert bare.training is not None
    assert opened.training is not None
    assert fingerprint(bare.training.spec) == fingerprint(opened.training.spec)
    assert attempt(bare.training.spec) != attempt(opened.training.spec)


def test_the_trainer_may_connect_to_public_addresses_and_to_what_the_resource_allows() -> None:
    allowed = [{"cidr": "10.20.0.0/16", "port": 5432}, {"cidr": "fd00::/8", "port": 443}]
    made = of({"uri": "s3://data/a.csv"}, network={"allowTo": allowed})
    assert _allowed(made) == ["public", "10.20.0.0/16:5432", "fd00::/8:443"]
    assert _allowed(of({"uri": "s3://data/a.csv"})) == ["public"]
    assert _allowed(of({"uri": "pvc://telemetry/a.csv"})) == []


def test_a_namespace_opens_private_addresses_as_nobody_knows_its_services() -> None:
    made = of({"uri": "http://minio.store/a.csv"}, network={"allowTo": [{"namespace": "store", "port": 9000}]})
    assert _allowed(made) == ["public", "private"]


def _allowed(made: Wanted) -> list[str]:
    command = container(made)["command"]
    return [command[index + 1] for index, word in enumerate(command) if word == "--allow-to"]
