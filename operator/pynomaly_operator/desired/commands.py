"""The command lines in the pods, and the places in their file systems: the contract with the images."""

from pynomaly_operator.api.network import Network
from pynomaly_operator.api.v1alpha1 import Access
from pynomaly_operator.desired.wanted import Wanted, WantedTraining

TRAINING_FOLDER = "/etc/pynomaly/training"
TRAINING_FILE = f"{TRAINING_FOLDER}/detector.yaml"
SERVING_FOLDER = "/etc/pynomaly/serving"
SERVING_KEY = "serving.json"
SERVING_FILE = f"{SERVING_FOLDER}/{SERVING_KEY}"
KEYS_FOLDER = "/etc/pynomaly/keys"
TOKEN_FOLDER = "/var/run/secrets/pynomaly"  # noqa: S105 - a folder, no password
TOKEN_KEY = "token"  # noqa: S105 - a file's name
TOKEN_FILE = f"{TOKEN_FOLDER}/{TOKEN_KEY}"
DATA_FOLDER = "/data"
TERMINATION_FILE = "/dev/termination-log"

SCORING_PORT = 8000
GRPC_PORT = 8001
"""Who may score at all may do so by gRPC, where the resource has it switched on."""
MANAGEMENT_PORT = 9090
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a pod's Service and probes reach it from elsewhere


def train(wanted: Wanted, training: WantedTraining) -> list[str]:
    """`pynomaly publish`: trains what the mounted resource says and publishes it under the detector's uid."""
    detector = wanted.detector
    command = ["pynomaly", "publish", TRAINING_FILE, "--registry", wanted.programs.registry_url]
    command += ["--namespace", detector.namespace, "--uid", detector.uid, "--fingerprint", training.fingerprint]
    command += ["--token-file", TOKEN_FILE, "--termination-file", TERMINATION_FILE]
    if training.source.mounted:
        return [*command, "--mount", f"{training.source.address}={DATA_FOLDER}"]
    for destination in _destinations(wanted.network):
        command += ["--allow-to", destination]
    return command


def _destinations(network: Network) -> list[str]:
    """Where the trainer may connect for its source; of a namespace nobody knows the Services' addresses beforehand."""
    places = [f"{place.cidr}:{place.port}" for place in network.allow_to if place.cidr is not None]
    return ["public", *places, *(["private"] if any(place.namespace for place in network.allow_to) else [])]


def serve(wanted: Wanted) -> list[str]:
    """`pynomaly follow`: serves what the mounted serving.json says, and follows its changes."""
    serving = wanted.serving
    command = ["pynomaly", "follow", SERVING_FILE, "--token-file", TOKEN_FILE]
    command += ["--host", ANY_ADDRESS, "--port", str(SCORING_PORT), "--management-port", str(MANAGEMENT_PORT)]
    command += ["--grpc-port", str(GRPC_PORT)] if serving.grpc else []
    command += ["--max-rows", str(serving.limits.rows), "--max-body-mib", str(serving.limits.body_mib)]
    command += ["--requests-per-minute", str(serving.limits.requests_per_minute)]
    return [*command, *_exposure(wanted.network), *_access(serving.access)]


def _exposure(network: Network) -> list[str]:
    return [
        *(f"--trusted-proxy={cidr}" for cidr in network.trusted_proxies),
        *(f"--allow-host={host}" for host in network.allow_hosts),
        *(f"--allow-origin={origin}" for origin in network.allow_origins),
    ]


def _access(access: Access) -> list[str]:
    if access.anonymous:
        return ["--anonymous"]
    keys = ["--keys", KEYS_FOLDER] if access.by_keys else []
    if access.jwt is None:
        return keys
    given = {"jwt-issuer": access.jwt.issuer, "jwt-audience": access.jwt.audience, "jwks": access.jwt.jwks_uri}
    return [*keys, *(f"--{option}={_literally(text)}" for option, text in given.items())]


def _literally(text: str) -> str:
    """Kubernetes puts the environment's values into $(NAME) of a command, unless the dollar is doubled."""
    return text.replace("$", "$$")
