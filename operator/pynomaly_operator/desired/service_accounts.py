"""Two identities a detector: the trainer may publish its models, the servers may read them. Neither may use the API."""

from pynomaly_operator.desired import names
from pynomaly_operator.desired.labels import child
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import SERVICE_ACCOUNT, Manifest


def train_account(wanted: Wanted) -> Manifest:
    """Whom the registry lets publish models of this detector."""
    return _account(wanted, names.train_account(wanted.detector))


def serve_account(wanted: Wanted) -> Manifest:
    """Whom the registry lets read models of this detector."""
    return _account(wanted, names.serve_account(wanted.detector))


def _account(wanted: Wanted, name: str) -> Manifest:
    return child(SERVICE_ACCOUNT, wanted.detector, name, automountServiceAccountToken=False)
