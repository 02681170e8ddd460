"""What the handlers of one server share."""

from dataclasses import dataclass

from pynomaly_inference.server.access.admission import Admission
from pynomaly_inference.server.exposure import Exposure
from pynomaly_inference.server.metrics import Metrics
from pynomaly_inference.server.readiness import Readiness
from pynomaly_inference.server.table import ModelTable


@dataclass(frozen=True, slots=True)
class ServerState:
    """The models, who may use them, and how the server is doing."""

    models: ModelTable
    admission: Admission
    metrics: Metrics
    readiness: Readiness
    exposure: Exposure

    @property
    def is_ready(self) -> bool:
        """Whether requests are wanted: there is a model to score with, and the server is not about to stop."""
        return len(self.models) > 0 and not self.readiness.draining
