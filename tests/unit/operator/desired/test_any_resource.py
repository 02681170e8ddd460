"""What holds for the children of every resource that is accepted, whatever its user writes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # publishes no types
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.operator.desired.restricted import assert_restricted
from tests.unit.operator.resources import FULL_DETECTOR, PROGRAMS, model, spec

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.v1alpha1 import DetectorSpec
from pynomaly_operator.desired.children import children
from pynomaly_operator.desired.wanted import Identity, Wanted, WantedTraining
from pynomaly_operator.manifest import Manifest

VERSIONS = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36")
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
MARK = "Zq"
"""Begins each text that only its user chose, and is in nothing else."""
HOSTILE = (
    '"; rm -rf / #',
    "$(id)",
    "`id`",
    "{{ .Values }}",
    "--data=/etc/passwd",
    "../../etc/passwd",
    "a\nb: c",
    "%2e%2e/",
    "'; DROP TABLE rows; --",
    "${HOME}",
    "$(PYNOMALY_REGISTRY)",
    "\u202e-- 行",
)

texts = st.builds(
    lambda known, some: MARK + known + some, st.sampled_from(HOSTILE), st.text("a;$({`\"'\n\\/.-% é", max_size=8)
)
JWT = {"issuer": "https://a.example/", "audience": "rows", "jwksUri": "https://a.example/keys"}
names = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
amounts = st.fixed_dictionaries(
    {},
    optional={"cpu": st.sampled_from(["100m", "1", 2]), "memory": st.sampled_from(["64Mi", "1Gi", "3Gi"])},
)
resources = st.fixed_dictionaries({}, optional={"requests": amounts, "limits": amounts})
sources = st.one_of(
    st.builds(lambda name, text: {"uri": f"pvc://{name}/{text}.csv"}, names, texts),
    st.builds(lambda name: {"uri": f"configmap://{name}/rows.csv"}, names),
    st.builds(lambda text: {"uri": f"https://example.com/{text}"}, texts),
    st.builds(lambda text, secret: {"uri": f"s3://rows/{text}.csv", "credentials": secret}, texts, names),
    st.builds(
        lambda text, secret: {
            "uri": "postgresql://db.example:5432/rows",
            "query": f"SELECT {text}",
            "credentials": secret,
        },
        texts,
        names,
    ),
)
trainings = st.builds(
    lambda source, label, parts: {"source": {**source, "label": label}, **parts},
    sources,
    texts,
    st.fixed_dictionaries(
        {},
        optional={
            "timeout": st.sampled_from(["1s", "90m", "48h"]),
            "resources": resources,
            "schedule": st.just({"cron": "*/5 * * * *", "timeZone": "Asia/Kathmandu"}),
        },
    ),
)
servings = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.fixed_dictionaries(
            {"min": st.integers(1, 100)}, optional={"max": st.integers(1, 1000), "memory": st.integers(1, 1000)}
        ),
        "resources": resources,
        "access": st.sampled_from([{"anonymous": True}, {"apiKeys": {"rotateAfter": "720h"}}, {"jwt": JWT}]),
        "limits": st.fixed_dictionaries({}, optional={"rows": st.integers(1, 10_000), "bodyMiB": st.integers(1, 100)}),
    },
)
networks = st.fixed_dictionaries(
    {},
    optional={
        "allowFrom": st.lists(st.builds(lambda name: {"namespace": name}, names), max_size=3, unique_by=str),
        "allowTo": st.lists(
            st.one_of(
                st.builds(lambda name, port: {"namespace": name, "port": port}, names, st.integers(1, 65535)),
                st.builds(lambda port: {"cidr": "10.20.0.0/16", "port": port}, st.integers(1, 65535)),
            ),
            max_size=3,
            unique_by=str,
        ),
    },
)


@st.composite
def accepted(draw: st.DrawFn) -> DetectorSpec:
    """A resource's spec that is accepted."""
    features = draw(st.lists(texts, min_size=2, max_size=4, unique=True))
    content = {
        "algorithm": {"name": "IForest"},
        "features": [{"name": name, "type": "Number"} for name in features],
        "training": draw(trainings),
        "serving": draw(servings),
        "network": draw(networks),
    }
    try:
        return spec(content)
    except ResourceInvalid:
        assume(False)
        raise


@st.composite
def rendered(draw: st.DrawFn) -> tuple[Manifest, ...]:
    """The children of an accepted resource that is trained and to be trained again."""
    parsed = draw(accepted())
    detector = Identity(draw(names), draw(names), str(draw(st.uuids(version=4))))
    wanted = Wanted(
        detector, parsed.serving, PROGRAMS, WantedTraining(parsed, due=True), _model(), network=parsed.network
    )
    try:
        return children(wanted)
    except ResourceInvalid:
        assume(False)
        raise


def _model() -> Any:
    return model({"algorithm": {"name": "IForest"}, "training": {"source": {"uri": "https://example.com/rows.csv"}}})


@settings(deadline=None, max_examples=8)  # to validate one child takes some 50 ms
@given(rendered(), st.sampled_from(VERSIONS))
def test_every_child_is_valid_for_each_supported_kubernetes(manifests: tuple[Manifest, ...], version: str) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(json.loads(json.dumps(manifest)), version, strict=True)


@settings(deadline=None, max_examples=50)  # rendering is quick, a busy machine is not
@given(rendered())
def test_every_pod_satisfies_pod_security_restricted(manifests: tuple[Manifest, ...]) -> None:
    pods = [manifest["spec"]["template"]["spec"] for manifest in manifests if manifest["kind"] in ("Job", "Deployment")]

    assert len(pods) == 2
    for pod in pods:
        assert_restricted(pod)


@settings(deadline=None, max_examples=50)  # rendering is quick, a busy machine is not
@given(rendered())
def test_every_name_and_label_is_one_that_kubernetes_takes(manifests: tuple[Manifest, ...]) -> None:
    for manifest in manifests:
        assert len(manifest["metadata"]["name"]) <= 63
        assert NAME.fullmatch(manifest["metadata"]["name"])
        for value in _labels(manifest):
            assert len(value) <= 63
            assert LABEL.fullmatch(value)


@settings(deadline=None, max_examples=50)  # rendering is quick, a busy machine is not
@given(rendered())
def test_what_a_user_writes_is_data_and_nothing_else(manifests: tuple[Manifest, ...]) -> None:
    found = 0
    for manifest in manifests:
        for path, text in _texts(manifest):
            if MARK not in text:
                continue
            assert (manifest["kind"], path[0]) == ("ConfigMap", "data"), path
            assert MARK not in path[1], "the name of a file"
            assert MARK in str(json.loads(text)), "a value in JSON, however it is spelt"
            found += 1

    assert found


@pytest.mark.parametrize("text", HOSTILE)
def test_such_texts_are_accepted_as_names_of_columns(text: str) -> None:
    """Else what is shown here would be shown of nothing."""
    source = {"uri": "https://example.com/rows.csv", "label": MARK + text}

    assert spec({"algorithm": {"name": "IForest"}, "training": {"source": source}}).training.source.label == MARK + text


def test_a_claims_path_is_no_part_of_a_command() -> None:
    uri = f"pvc://telemetry/{MARK}$(id).csv"
    parsed = spec({"algorithm": {"name": "IForest"}, "training": {"source": {"uri": uri}}})
    wanted = Wanted(FULL_DETECTOR, parsed.serving, PROGRAMS, WantedTraining(parsed, due=True), _model())

    (job,) = [manifest for manifest in children(wanted) if manifest["kind"] == "Job"]

    assert MARK not in json.dumps(job)


def _labels(value: Any) -> Iterator[str]:
    """Every label that something has or is selected by."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            if name in ("labels", "matchLabels", "selector") and isinstance(child, Mapping):
                yield from (text for text in child.values() if isinstance(text, str))
            yield from _labels(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _labels(child)


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text with the path that leads to it; a mapping's names are texts too."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield (*path, ""), name
            yield from _texts(child, (*path, name))
    elif isinstance(value, list | tuple):
        for number, child in enumerate(value):
            yield from _texts(child, (*path, str(number)))
    elif isinstance(value, str):
        yield path, value
