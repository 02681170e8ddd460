"""Children that stay though no manifest of this pass is theirs."""

from collections.abc import Iterable

from pynomaly_operator.desired import names
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import AUTOSCALER, CONFIG_MAP, DEPLOYMENT, JOB, NETWORK_POLICY
from pynomaly_operator.store import ChildId


def kept(wanted: Wanted, known: Iterable[ChildId]) -> set[ChildId]:
    """What serves, though nobody may know at the moment what: the registry can be down, and a status can be lost.

    And what trains: the Job of this attempt when it has ended, for its logs; all of it while nobody can tell what is to
    be trained.
    """
    detector = wanted.detector
    found = {
        (DEPLOYMENT.name, names.deployment(detector)),
        (CONFIG_MAP.name, names.serving_config(detector)),
    }
    if wanted.serving.replicas.autoscaled:
        found.add((AUTOSCALER.name, names.autoscaler(detector)))
    if wanted.training is not None:
        return found | {(JOB.name, names.job(detector, wanted.training.attempt))}
    found |= {
        (CONFIG_MAP.name, names.training_config(detector)),
        (NETWORK_POLICY.name, names.training_policy(detector)),
    }
    return found | {child for child in known if child[0] == JOB.name}
