"""What the trainer trains, and what the servers serve."""

from pynomaly_operator.api.v1alpha1 import GROUP, KIND, VERSION
from pynomaly_operator.desired import names
from pynomaly_operator.desired.canonical import canonical, sha256
from pynomaly_operator.desired.commands import SERVING_KEY
from pynomaly_operator.desired.fingerprint import model_fields
from pynomaly_operator.desired.labels import child
from pynomaly_operator.desired.wanted import Wanted, WantedTraining
from pynomaly_operator.manifest import CONFIG_MAP, Manifest


def training(wanted: Wanted) -> Manifest | None:
    """The resource as the trainer needs it: without gates, which the operator judges, and without serving."""
    if wanted.training is None:
        return None
    resource = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": wanted.detector.name},
        "spec": model_fields(wanted.training.spec),
    }
    data = {training_key(wanted.training): canonical(resource)}
    return child(CONFIG_MAP, wanted.detector, names.training_config(wanted.detector), data=data)


def training_key(training: WantedTraining) -> str:
    """The entry of this fingerprint: a pod of a superseded Job finds none, instead of another model's resource."""
    return f"{training.fingerprint[:16]}.yaml"


def serving(wanted: Wanted) -> Manifest | None:
    """`serving.json`; None while there is nothing to serve."""
    if wanted.target is None:
        return None
    data = {SERVING_KEY: serving_json(wanted)}
    return child(CONFIG_MAP, wanted.detector, names.serving_config(wanted.detector), data=data)


def serving_json(wanted: Wanted) -> str:
    """The file by which servers know their model."""
    detector, target = wanted.detector, wanted.target
    stable = None if target is None else {"version": target.version, "digest": target.digest}
    content = {
        "format": 1,
        "detector": {"namespace": detector.namespace, "name": detector.name, "uid": detector.uid},
        "registry": wanted.programs.registry_url,
        "stable": stable,
        "candidate": None,
    }
    return canonical(content)


def serving_hash(wanted: Wanted) -> str:
    """Tells one content of `serving.json` from another."""
    return sha256(serving_json(wanted))[:16]
