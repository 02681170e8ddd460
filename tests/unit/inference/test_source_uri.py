"""Which URIs a resource may have."""

import pytest

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.resource import parse_resource
from pynomaly_inference.source_uri import CREDENTIALS_ADVICE, credentials_problem, source_problem
from pynomaly_inference.spec import AnomalyDetector


@pytest.mark.parametrize(
    "uri",
    [
        "rows@plant/a.csv",
        "https://example.org/a@b.csv",
        "https://example.org/a.csv?mail=a@b",
        "s3://data/a@b/*.parquet",
        "gs://data/**/a?.csv",
        "azure://data/a.csv",
        "abfs://data@plant7.dfs.core.windows.net/a.csv",
        "file:///data/a@b.csv",
    ],
)
def test_uris_without_credentials_are_taken(uri: str) -> None:
    assert source_problem(uri, None) is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://ann:s3cret@example.org/a.csv",
        "HTTPS://ann@example.org/a.csv",
        "s3://key:s3cret@data/a.csv",
        "postgresql://ann:s3cret@db/plant",
        "postgresql://ann@db/plant",
        "abfs://data:s3cret@plant7.dfs.core.windows.net/a.csv",
        "abfs://key@example.org/a.csv",
        "https://ann:s3:cr@et@example.org/a.csv",
    ],
)
def test_credentials_in_a_uri_are_refused_without_being_repeated(uri: str) -> None:
    assert source_problem(uri, None) == CREDENTIALS_ADVICE
    resource = (
        "{apiVersion: pynomaly.io/v1alpha1, kind: AnomalyDetector, metadata: {name: a}, "
        f"spec: {{algorithm: {{name: HBOS}}, training: {{source: {{uri: '{uri}'}}}}}}}}"
    )
    with pytest.raises(ResourceInvalid) as raised:
        parse_resource(resource, AnomalyDetector)
    assert str(raised.value) == f"spec.training.source: {CREDENTIALS_ADVICE}"


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://db/plant?password=s3cret",
        "postgresql://db/plant?sslmode=verify-full&user=ann",
        "postgresql://db",
        "postgresql:///plant",
        "postgresql://db/plant?sslmode=sometimes",
    ],
)
def test_a_databases_uri_has_no_option_but_its_tls(uri: str) -> None:
    problem = source_problem(uri, "SELECT 1")
    assert problem == "uri must be postgresql://HOST:PORT/DATABASE, where only ?sslmode=… may follow"


def test_a_query_belongs_to_a_database_and_a_database_to_a_query() -> None:
    assert source_problem("postgresql://db:5433/plant?sslmode=require", "SELECT 1") is None
    assert source_problem("postgresql://db/plant", None) == "query is required: postgresql:// needs a SELECT"
    assert source_problem("s3://data/a.csv", "SELECT 1") == "query is for postgresql:// alone: remove it"


def test_credentials_are_named_for_sources_on_the_network_alone() -> None:
    assert credentials_problem("s3://data/a.csv", "warehouse") is None
    assert credentials_problem("pvc://data/a.csv", None) is None
    for uri in ("pvc://data/a.csv", "a.csv"):
        assert credentials_problem(uri, "warehouse") == "credentials are for sources on the network: remove them"
