"""What Flux, Argo CD and kpt take a resource's state for, by the rules of kstatus.

Source: `checkGenericProperties` and `checkReadyCondition` of
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/status/core.go and generic.go.
"""

from typing import Any

CURRENT, IN_PROGRESS, FAILED, TERMINATING = "Current", "InProgress", "Failed", "Terminating"


def computed(resource: Any) -> str:
    """The state of a resource of a kind that kstatus does not know."""
    metadata, status = resource["metadata"], resource.get("status", {})
    if "deletionTimestamp" in metadata:
        return TERMINATING
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return IN_PROGRESS
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
    if conditions.get("Reconciling") == "True":
        return IN_PROGRESS
    if conditions.get("Stalled") == "True":
        return FAILED
    return CURRENT if conditions.get("Ready", "True") == "True" else IN_PROGRESS
