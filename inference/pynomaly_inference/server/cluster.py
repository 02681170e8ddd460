"""Serving in a cluster: the model that `serving.json` names, from the registry, with a management port beside."""

from dataclasses import dataclass
from pathlib import Path

from pynomaly_inference.server.follow import Follower
from pynomaly_inference.server.front import Front
from pynomaly_inference.server.management import management_app, serve_management
from pynomaly_inference.server.serve import listener, run
from pynomaly_inference.server.serving_file import fetch_model
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What a pod is told beside the server's own settings.

    serving: the file that names the model. token: the file of a service account's token for the registry.
    management_port: where probes, metrics and `/status` are answered, on the address of the scoring port.
    """

    serving: Path
    token: Path
    management_port: int


def serve_in_cluster(cluster: ClusterSettings, settings: ServerSettings) -> None:
    """Serves until SIGTERM or SIGINT; not ready until the first model is proven.

    Raises ResourceInvalid for settings that cannot be, PynomalyError when an address cannot be had.
    """
    with listener(settings.host, cluster.management_port) as listening:

        def prepare(front: Front) -> None:
            follower = Follower(
                cluster.serving, lambda serving, wanted: fetch_model(serving, wanted, cluster.token), front.install
            )
            app = management_app(front.state, follower.state)
            front.run_beside(follower.run)
            front.run_beside(lambda: serve_management(app, listening))

        run(ModelTable(()), settings, prepare)
