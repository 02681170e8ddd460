"""What decides a model, and what decides an attempt to train it.

Fields that the user left out are left out here: a field that a later version adds changes no fingerprint. Gates, the
trainer's image, credentials and the bytes of the data are never part of it.
"""

from typing import Any

from pynomaly_operator.api.status import TriggerStatus
from pynomaly_operator.api.v1alpha1 import DetectorSpec
from pynomaly_operator.desired.canonical import sha256

_MODEL = ("algorithm", "contamination", "features", "preprocessing")
_TRAINING = ("source", "holdout", "seed")


def _given(spec: DetectorSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


def fingerprint(spec: DetectorSpec, trigger: TriggerStatus | None = None) -> str:
    """sha256 of all that decides the model, and of what asked to train it anew."""
    return sha256({**model_fields(spec), **_asked(trigger)})


def _asked(trigger: TriggerStatus | None) -> dict[str, Any]:
    if trigger is None:
        return {}
    found = trigger.model_dump(mode="json", by_alias=True, exclude_none=True, include={"retrain", "tick"})
    return {"trigger": found} if found else {}


def model_fields(spec: DetectorSpec) -> dict[str, Any]:
    """The part of the spec that decides the model, as the user wrote it."""
    given = _given(spec)
    part = {name: given[name] for name in _MODEL if name in given}
    training = {name: given["training"][name] for name in _TRAINING if name in given["training"]}
    training["source"] = {name: value for name, value in training["source"].items() if name != "credentials"}
    return {**part, "training": training}


def attempt(spec: DetectorSpec, trigger: TriggerStatus | None = None) -> str:
    """sha256 of the fingerprint and of what the training may use.

    More time or memory, other credentials, or another place to connect to, is another attempt.
    """
    given = _given(spec)
    allowed = {name: given["training"][name] for name in ("timeout", "resources") if name in given["training"]}
    allowed |= {name: value for name, value in given["training"]["source"].items() if name == "credentials"}
    allowed |= {name: value for name, value in given.get("network", {}).items() if name == "allowTo"}
    return sha256({"fingerprint": fingerprint(spec, trigger), **allowed})
