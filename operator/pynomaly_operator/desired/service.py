"""The stable address of the serving pods."""

from pynomaly_operator.desired import names
from pynomaly_operator.desired.commands import GRPC_PORT
from pynomaly_operator.desired.labels import SERVER, child, selector
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import SERVICE, Manifest

GRPC: Manifest = {"name": "grpc", "appProtocol": "kubernetes.io/h2c"}
"""HTTP/2 without TLS, by the name that gateways know: https://kubernetes.io/docs/concepts/services-networking/service/."""


def service(wanted: Wanted) -> Manifest:
    """Scoring on 80 and 8000, metrics on 9090, gRPC on 8001 where it is on."""
    ports = [
        {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
        {"name": "http-8000", "port": 8000, "targetPort": "http", "protocol": "TCP"},
        {"name": "metrics", "port": 9090, "targetPort": "metrics", "protocol": "TCP"},
    ]
    if wanted.serving.grpc:
        ports.append({**GRPC, "port": GRPC_PORT, "targetPort": "grpc", "protocol": "TCP"})
    spec = {"selector": selector(wanted.detector, SERVER), "ports": ports}
    return child(SERVICE, wanted.detector, names.service(wanted.detector), spec=spec)
