"""The children's names. The longest is a Job's: 40 characters of the detector's name and 15 more."""

from pynomaly_operator.desired.wanted import Identity


def deployment(detector: Identity) -> str:
    """Of the Deployment, and of what goes with it: Service, autoscaler, disruption budget."""
    return detector.name


service = autoscaler = disruption_budget = deployment


def training_config(detector: Identity) -> str:
    """Of the ConfigMap that the trainer reads."""
    return f"{detector.name}-training"


def serving_config(detector: Identity) -> str:
    """Of the ConfigMap that the servers watch."""
    return f"{detector.name}-serving"


def training_policy(detector: Identity) -> str:
    """Of the NetworkPolicy of the training pods."""
    return f"{detector.name}-training"


def serving_policy(detector: Identity) -> str:
    """Of the NetworkPolicy of the serving pods."""
    return f"{detector.name}-serving"


def api_keys(detector: Identity) -> str:
    """Of the Secret with the keys of those who may score."""
    return f"{detector.name}-api-keys"


def job(detector: Identity, attempt: str) -> str:
    """Of the Job of one attempt."""
    return f"{detector.name}-train-{attempt[:8]}"


def train_account(detector: Identity) -> str:
    """Of the ServiceAccount that may publish models."""
    return f"ad-{detector.uid}-train"


def serve_account(detector: Identity) -> str:
    """Of the ServiceAccount that may read models."""
    return f"ad-{detector.uid}-serve"


def endpoint(detector: Identity) -> str:
    """Where rows are sent from inside the cluster."""
    return f"http://{service(detector)}.{detector.namespace}.svc"
