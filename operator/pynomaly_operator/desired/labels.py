"""Labels and annotations, and the metadata that every child has."""

from pynomaly_operator.api.v1alpha1 import GROUP, KIND, VERSION
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.manifest import Kind, Manifest

MANAGED_BY = ("app.kubernetes.io/managed-by", "pynomaly")
MANAGED_SELECTOR = "=".join(MANAGED_BY)
UID = f"{GROUP}/detector-uid"
USE = f"{GROUP}/use"
USE_TRAINING = "training"
COMPONENT = "app.kubernetes.io/component"
TRAINER = "trainer"
SERVER = "server"

RETRAIN = f"{GROUP}/retrain"
"""On a detector, by its user: another value asks to train the same spec anew."""
DESIRED_HASH = f"{GROUP}/desired-hash"
ASKED_HASH = f"{GROUP}/asked-hash"
"""On a Deployment: the part of the resource that it was made from."""
SERVING_HASH = f"{GROUP}/serving-hash"
"""On pods: the serving.json that they were told of, see `notification`."""
KEY_ROTATED = f"{GROUP}/api-key-rotated"
"""On the Secret with the API keys: when the operator last replaced one."""
KEYS_HASH = f"{GROUP}/api-keys-hash"
"""On pods: the API key that they were told of, see `notification`."""


def common(detector: Identity) -> dict[str, str]:
    """What every child carries."""
    return {
        "app.kubernetes.io/name": "pynomaly",
        "app.kubernetes.io/instance": detector.name,
        MANAGED_BY[0]: MANAGED_BY[1],
        UID: detector.uid,
    }


def of_pods(detector: Identity, component: str) -> dict[str, str]:
    """What the pods of one program carry."""
    return {**common(detector), COMPONENT: component}


def selector(detector: Identity, component: str) -> dict[str, str]:
    """What selects these pods: by uid, so that no other detector's pods can be meant."""
    return {UID: detector.uid, COMPONENT: component}


def selector_text(detector: Identity, component: str) -> str:
    """The selector as the API's parameter spells it."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector(detector, component).items()))


def owner(detector: Identity) -> dict[str, str | bool]:
    """The reference by which the garbage collector removes a child after its detector."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "name": detector.name,
        "uid": detector.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def child(kind: Kind, detector: Identity, name: str, **body: object) -> Manifest:
    """A child of this kind: the body with the metadata around it."""
    metadata = {
        "name": name,
        "namespace": detector.namespace,
        "labels": common(detector),
        "ownerReferences": [owner(detector)],
    }
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **body}
