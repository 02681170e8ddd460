from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # publishes no types
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.operator.desired.restricted import assert_restricted
from tests.unit.operator.golden import FOLDER, rendered
from tests.unit.operator.resources import FULL, MINIMAL, full, minimal, model, wanted

from pynomaly_operator.desired import names
from pynomaly_operator.desired.children import children
from pynomaly_operator.desired.wanted import Identity, Wanted
from pynomaly_operator.manifest import CHILDREN, Manifest

VERSIONS = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36")
GOLDEN = dict(rendered())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_child_is_what_its_golden_file_says(name: str) -> None:
    assert yaml.safe_load((FOLDER / name).read_text()) == GOLDEN[name]


def test_there_is_no_golden_file_without_a_child() -> None:
    assert {path.name for path in FOLDER.glob("*.yaml")} == set(GOLDEN)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_child_is_valid_for_each_supported_kubernetes(name: str, version: str) -> None:
    kubernetes_validate.validate(yaml.safe_load((FOLDER / name).read_text()), version, strict=True)


def test_a_detector_that_was_never_trained_has_no_pods_and_no_model_to_serve() -> None:
    kinds = [manifest["kind"] for manifest in children(wanted(FULL))]

    assert kinds == [
        "ServiceAccount",
        "ServiceAccount",
        "ConfigMap",
        "Secret",
        "NetworkPolicy",
        "NetworkPolicy",
        "Service",
        "PodDisruptionBudget",
    ]


def test_where_nobody_can_tell_what_to_train_all_that_serves_is_still_known() -> None:
    unknown = replace(full(), training=None)
    of_training = {("ConfigMap", "shuttle-training"), ("NetworkPolicy", "shuttle-training")}

    assert children(unknown) == tuple(
        manifest
        for manifest in children(full())
        if manifest["kind"] != "Job" and (manifest["kind"], manifest["metadata"]["name"]) not in of_training
    )


def test_an_anonymous_detector_has_no_keys() -> None:
    anonymous = {**MINIMAL, "serving": {"access": {"anonymous": True}}}

    rendered_children = children(wanted(anonymous, model(MINIMAL)))

    assert "Secret" not in {manifest["kind"] for manifest in rendered_children}
    container = _container(_named(rendered_children, "Deployment"))
    assert container["command"][-1] == "--anonymous"
    assert "keys" not in {mount["name"] for mount in container["volumeMounts"]}


def test_a_detector_with_tokens_alone_has_no_keys_and_beside_keys_both() -> None:
    jwt = {"issuer": "$(HOME)", "audience": "a$b", "jwksUri": "https://login.example.com/keys"}
    alternatives: tuple[dict[str, Any], ...] = ({}, {"apiKeys": {}})
    alone, beside = (
        children(wanted({**MINIMAL, "serving": {"access": {**more, "jwt": jwt}}}, model(MINIMAL)))
        for more in alternatives
    )

    tokens = ["--jwt-issuer=$$(HOME)", "--jwt-audience=a$$b", "--jwks=https://login.example.com/keys"]
    assert _container(_named(alone, "Deployment"))["command"][-3:] == tokens
    assert "--keys" not in _container(_named(alone, "Deployment"))["command"]
    assert "Secret" not in {manifest["kind"] for manifest in alone}
    assert _container(_named(beside, "Deployment"))["command"][-5:] == ["--keys", "/etc/pynomaly/keys", *tokens]
    assert "Secret" in {manifest["kind"] for manifest in beside}


def test_grpc_has_a_port_in_the_pod_and_at_the_service_only_where_it_is_switched_on() -> None:
    on, off = (children(wanted({**MINIMAL, "serving": {"grpc": grpc}}, model(MINIMAL))) for grpc in (True, False))

    (port,) = [port for port in _named(on, "Service")["spec"]["ports"] if port["name"] == "grpc"]
    assert (port["port"], port["targetPort"], port["appProtocol"]) == (8001, "grpc", "kubernetes.io/h2c")
    container = _container(_named(on, "Deployment"))
    assert {"name": "grpc", "containerPort": 8001, "protocol": "TCP"} in container["ports"]
    assert container["command"][container["command"].index("--grpc-port") + 1] == "8001"
    assert "grpc" not in str(_named(off, "Service")) + str(_named(off, "Deployment"))


def test_nothing_is_null_and_no_secret_has_data() -> None:
    for manifest in GOLDEN.values():
        assert None not in list(_leaves(manifest))
        if manifest["kind"] == "Secret":
            assert not {"data", "stringData"} & set(manifest)


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
@pytest.mark.parametrize("detector", [minimal(), full()], ids=["minimal", "full"])
def test_pods_satisfy_pod_security_restricted(detector: Wanted, kind: str) -> None:
    assert_restricted(_named(children(detector), kind)["spec"]["template"]["spec"])


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_the_token_is_for_the_registry_alone(kind: str) -> None:
    volumes = _named(children(full()), kind)["spec"]["template"]["spec"]["volumes"]

    (projected,) = [volume["projected"] for volume in volumes if "projected" in volume]

    assert projected["sources"] == [
        {"serviceAccountToken": {"audience": "pynomaly-registry", "expirationSeconds": 3600, "path": "token"}}
    ]


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_images_are_pulled_with_the_named_secrets_and_with_none_when_none_is_named(kind: str) -> None:
    with_login = _named(children(full()), kind)["spec"]["template"]["spec"]
    without = _named(children(minimal()), kind)["spec"]["template"]["spec"]

    assert with_login["imagePullSecrets"] == [{"name": "registry-login"}, {"name": "mirror-login"}]
    assert "imagePullSecrets" not in without


@pytest.mark.parametrize("uri", ["pvc://telemetry/a/*.csv", "configmap://telemetry/rows.csv"])
def test_the_source_is_mounted_read_only_and_the_trainer_is_told_where(uri: str) -> None:
    content = {**MINIMAL, "training": {"source": {"uri": uri}}}

    job = _named(children(wanted(content, due=True)), "Job")

    (mount,) = [mount for mount in _container(job)["volumeMounts"] if mount["name"] == "data"]
    assert mount == {"name": "data", "mountPath": "/data", "readOnly": True}
    assert _container(job)["command"][-2:] == ["--mount", f"{uri.split('/telemetry', maxsplit=1)[0]}/telemetry=/data"]


def test_only_a_request_above_a_default_limit_drops_the_defaults() -> None:
    content = {**MINIMAL, "serving": {"resources": {"requests": {"memory": "8Gi"}}}}

    assert _container(_named(children(wanted(content, model(MINIMAL))), "Deployment"))["resources"] == {
        "requests": {"memory": "8Gi"}
    }


legal_names = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)


@settings(deadline=None)  # rendering is quick, a busy machine is not
@given(name=legal_names, uid=st.uuids(version=4))
def test_every_name_and_label_fits_kubernetes_for_any_legal_detector(name: str, uid: Any) -> None:
    detector = replace(full(), detector=Identity("n", name, str(uid)))

    for manifest in children(detector):
        assert len(manifest["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())
        assert manifest["metadata"]["ownerReferences"][0]["uid"] == str(uid)


def test_every_kind_that_is_rendered_is_one_that_the_operator_handles() -> None:
    assert {manifest["kind"] for manifest in GOLDEN.values()} == set(CHILDREN)


def test_a_change_of_the_model_changes_no_pod() -> None:
    one, other = full(), replace(full(), target=model(FULL, version=4))

    assert _named(children(one), "Deployment") == _named(children(other), "Deployment")
    serving = ("ConfigMap", names.serving_config(one.detector))
    assert _by_name(children(one), *serving) != _by_name(children(other), *serving)


def _container(manifest: Manifest) -> dict[str, Any]:
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def _named(manifests: tuple[Manifest, ...], kind: str) -> Manifest:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def _by_name(manifests: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    return next(item for item in manifests if (item["kind"], item["metadata"]["name"]) == (kind, name))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for child in value.values():
            yield from _leaves(child)
    elif isinstance(value, list):
        for child in value:
            yield from _leaves(child)
    else:
        yield value
