"""What an administrator forbids."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster.errors import ClusterError
from tests.cluster.polling import until
from tests.controlplane.detectors import Detector

IN_FORCE_WITHIN = 30


@dataclass(frozen=True)
class Policy:
    """A ValidatingAdmissionPolicy (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/)."""

    operation: str
    resource: str
    words: str
    attempt: tuple[str, ...]
    """What kubectl is told to do, to find out whether the policy is in force."""
    allowed: str = "false"
    """An expression that holds for what may be done."""
    reason: str = "Invalid"
    """Forbidden: the answer is 403; Invalid: 422."""

    @contextmanager
    def in_force(self, detector: Detector) -> Iterator[None]:
        """In the detector's namespace, while the context lasts."""
        policy, binding = self._policy(detector.namespace), self._binding(detector.namespace)
        detector.kubectl.apply(policy, binding)
        try:
            until(lambda: self._denies(detector), within=IN_FORCE_WITHIN, what="the policy in force")
            yield
        finally:
            detector.kubectl.delete(binding, policy)

    def _policy(self, namespace: str) -> dict[str, Any]:
        rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": [self.operation], "resources": [self.resource]}
        where = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        validation = {"expression": self.allowed, "message": self.words, "reason": self.reason}
        spec = {"matchConstraints": {"resourceRules": [rule], "namespaceSelector": where}, "validations": [validation]}
        return self._object("ValidatingAdmissionPolicy", namespace, spec)

    def _binding(self, namespace: str) -> dict[str, Any]:
        spec = {"policyName": self._name(namespace), "validationActions": ["Deny"]}
        return self._object("ValidatingAdmissionPolicyBinding", namespace, spec)

    def _object(self, kind: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
        name = {"name": self._name(namespace)}
        return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": name, "spec": spec}

    def _name(self, namespace: str) -> str:
        return f"deny-{self.resource}-in-{namespace}"

    def _denies(self, detector: Detector) -> bool:
        try:
            detector.kubectl(*self.attempt, detector.here, "--dry-run=server")
        except ClusterError as error:
            return self.words in str(error)
        return False
