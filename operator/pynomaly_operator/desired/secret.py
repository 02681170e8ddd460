"""The keys of those who may score. The value is made once, elsewhere: rendering it again would change it."""

from pynomaly_operator.desired import names
from pynomaly_operator.desired.labels import child
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import SECRET, Manifest

CURRENT = "current"
NEXT = "next"
"""The entry with the key that will be current: servers accept it before anybody is given it."""
PREVIOUS = "previous"
"""The entry with the key that was current before, as long as it is still accepted."""


def api_keys(wanted: Wanted) -> Manifest | None:
    """The Secret without its data; None when no key opens."""
    if not wanted.serving.access.by_keys:
        return None
    return child(SECRET, wanted.detector, names.api_keys(wanted.detector), type="Opaque")
