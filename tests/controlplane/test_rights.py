"""A right of the chart's role that somebody takes away, and gives back: what needs it waits, and goes on by itself."""

import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import namespaces
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until
from tests.controlplane.chart_permissions import Permissions, Right
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import SETTINGS, RunningOperator

GOES_ON_WITHIN = 60
"""A pass that failed is tried again later and later; and it takes some seconds until rights that came back are seen."""

LOST: dict[Right, tuple[str, str]] = {
    ("", "services", "patch"): ("service", "shuttle"),
    ("", "configmaps", "create"): ("configmap", "shuttle-serving"),
    ("apps", "deployments", "create"): ("deployment", "shuttle"),
    ("", "secrets", "create"): ("secret", "shuttle-api-keys"),
}


@pytest.fixture
def permissions(kubectl: Kubectl, plane: ControlPlane) -> Iterator[Permissions]:
    """Those of a release in a namespace of its own."""
    with namespaces.restricted(kubectl, "release") as name:
        found = Permissions(plane, name)
        yield found
        found.revoke()


@pytest.fixture
def limited(unapplied: Detector, permissions: Permissions, tmp_path: Path) -> Detector:
    """A detector whose operator may do what the chart allows, and no more."""
    settings = SETTINGS.model_copy(update={"namespace": permissions.namespace})
    operator = RunningOperator(permissions.grant(tmp_path), settings=settings, lease=permissions.account)
    return replace(unapplied, operator=operator)


def test_children_whose_rights_were_taken_away_are_put_back_when_the_rights_are(
    limited: Detector, permissions: Permissions
) -> None:
    with limited.operator.running():
        limited.until_ready()
        _take(permissions, *LOST)
        for kind, name in LOST.values():
            limited.kubectl("delete", kind, name, limited.here)
        for right in LOST:
            # An apply that would create is refused as such, though it is the right to create that it lacks.
            until(lambda: _is_refused(permissions, right), within=WITHIN, what=f"{right} to be refused")  # noqa: B023 - called at once
        limited.apply(serving={"replicas": {"min": 2}})

        _give_back(permissions)

        for kind, name in LOST.values():
            until(lambda: limited.get(kind, name), within=GOES_ON_WITHIN, what=f"{kind} {name} to come back")  # noqa: B023 - called at once
        until(lambda: _number(limited) == 2, within=GOES_ON_WITHIN, what="the edit to be carried out")


def test_a_status_that_may_not_be_written_is_written_when_it_may(limited: Detector, permissions: Permissions) -> None:
    right = ("pynomaly.io", "anomalydetectors/status", "patch")
    with limited.operator.running():
        limited.until_ready()
        _take(permissions, right)
        limited.apply(suspend=True)
        until(lambda: right in permissions.refused(), within=WITHIN, what="the operator to be refused")

        _give_back(permissions)

        until(lambda: limited.condition("Ready").get("reason") == "Suspended", within=GOES_ON_WITHIN, what="Suspended")


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_an_operator_that_starts_without_a_right_to_look_waits_for_it(
    limited: Detector, permissions: Permissions, verb: str
) -> None:
    right = ("apps", "deployments", verb)
    limited.apply()
    _take(permissions, right)

    def give_back() -> None:
        until(lambda: right in permissions.refused(), within=WITHIN, what="the operator to be refused")
        _give_back(permissions)

    giving = threading.Thread(target=give_back)
    giving.start()
    with limited.operator.running():
        giving.join()
        limited.serve(limited.train())
        limited.await_condition("Ready", "True", "Succeeded")
        limited.patch("deployment", "shuttle", {"spec": {"replicas": 4}})
        until(lambda: _number(limited) == 1, within=GOES_ON_WITHIN, what="1 replica: the watch is there")


def _take(permissions: Permissions, *rights: Right) -> None:
    """The operator's role does not allow it any more."""
    assert permissions.granted().issuperset(rights)
    permissions.plane.kubectl.apply(*(_without(role, rights) for role in _roles(permissions)))


def _give_back(permissions: Permissions) -> None:
    """The roles are as the chart makes them."""
    permissions.plane.kubectl.apply(*_roles(permissions))


def _is_refused(permissions: Permissions, right: Right) -> bool:
    """Whether anything that it asked of these resources was."""
    return any(refused[:2] == right[:2] for refused in permissions.refused())


def _roles(permissions: Permissions) -> list[dict[str, Any]]:
    return [item for item in permissions.of_operator() if item["kind"] in ("Role", "ClusterRole")]


def _without(role: dict[str, Any], rights: Collection[Right]) -> dict[str, Any]:
    """The role with a rule for each of its rights but these."""
    kept = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if (group, resource, verb) not in rights
    ]
    return {**role, "rules": kept}


def _number(detector: Detector) -> int | None:
    found = detector.get("deployment", "shuttle")
    return None if found is None else found["spec"]["replicas"]
