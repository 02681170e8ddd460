"""Whose an object is. Names and labels can be written by anyone; the controller's uid decides."""

from dataclasses import dataclass
from enum import Enum

from pynomaly_operator.api.v1alpha1 import GROUP, KIND
from pynomaly_operator.desired.labels import UID
from pynomaly_operator.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Controller:
    """The detector that an object names as its controller."""

    name: str
    uid: str


class Belongs(Enum):
    """Whose an object is, seen from one detector."""

    OURS = "ours"
    PREDECESSORS = "predecessor's"
    FOREIGN = "foreign"


def controller(metadata: Manifest) -> Controller | None:
    """The controlling detector; None when there is none, or when it is of another kind."""
    for owner in metadata.get("ownerReferences", ()):
        group = owner["apiVersion"].rpartition("/")[0]
        if owner.get("controller") and owner["kind"] == KIND and group == GROUP:
            return Controller(owner["name"], owner["uid"])
    return None


def belongs(metadata: Manifest, name: str, uid: str) -> Belongs:
    """Whose the object is, seen from the detector with this name and uid.

    An object that lost its ownerReferences is still ours when it carries the label with our uid, and gets them back.
    """
    owner = controller(metadata)
    if owner is not None:
        if owner.uid == uid:
            return Belongs.OURS
        return Belongs.PREDECESSORS if owner.name == name else Belongs.FOREIGN
    controlled = any(reference.get("controller") for reference in metadata.get("ownerReferences", ()))
    marked = metadata.get("labels", {}).get(UID) == uid
    return Belongs.OURS if marked and not controlled else Belongs.FOREIGN


def is_controlled_by(metadata: Manifest, uid: str) -> bool:
    """Whether the object with this uid, of whatever kind, is the controller."""
    return any(owner.get("controller") and owner["uid"] == uid for owner in metadata.get("ownerReferences", ()))
