"""What a serving pod says of itself at `GET /status` on its management port."""

from pydantic import BaseModel, ConfigDict


class Problem(BaseModel):
    """Why a pod could not load a model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: str
    """The model that it could not load."""
    reason: str = "ModelLoadFailed"
    message: str = ""


class Served(BaseModel):
    """A model that a pod has loaded."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    digest: str


class PodReport(BaseModel):
    """The answer to `GET /status`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stable: Served | None = None
    """The model that answers."""
    problem: Problem | None = None
    """The last failure to load the model that `serving.json` names; None once it is loaded."""
