"""All children of a detector."""

from pynomaly_operator.desired.autoscaler import autoscaler
from pynomaly_operator.desired.canonical import sha256
from pynomaly_operator.desired.config_maps import serving, training
from pynomaly_operator.desired.deployment import deployment
from pynomaly_operator.desired.disruption_budget import disruption_budget
from pynomaly_operator.desired.job import job
from pynomaly_operator.desired.labels import DESIRED_HASH
from pynomaly_operator.desired.network_policies import serving_policy, training_policy
from pynomaly_operator.desired.secret import api_keys
from pynomaly_operator.desired.service import service
from pynomaly_operator.desired.service_accounts import serve_account, train_account
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import Manifest

_KINDS = (
    train_account,
    serve_account,
    training,
    serving,
    api_keys,
    training_policy,
    serving_policy,
    service,
    disruption_budget,
    deployment,
    autoscaler,
    job,
)


def children(wanted: Wanted) -> tuple[Manifest, ...]:
    """The manifests in the order in which they are applied: what pods mount or are bounded by comes before them."""
    rendered = (render(wanted) for render in _KINDS)
    return tuple(hashed(manifest) for manifest in rendered if manifest is not None)


def hashed(manifest: Manifest) -> Manifest:
    """The manifest with its own hash as annotation, by which an unchanged one is known."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), DESIRED_HASH: sha256(manifest)[:16]}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}
