"""Whether the API server tells of a kind: kopf asks what kinds there are once, at its start, and watches no others."""

from pynomaly_operator.errors import NOT_FOUND, ApiError
from pynomaly_operator.kube import Kube, Request
from pynomaly_operator.manifest import Kind


async def discover(kube: Kube, kind: Kind) -> None:
    """Returns when whoever asks is told of the kind. Raises ApiError, 404 while its definition is not in force."""
    groups = await kube.send(Request("GET", "/apis"))
    told = await kube.send(Request("GET", f"/apis/{kind.api_version}"))
    names = {resource["name"] for resource in told.get("resources", ())}
    if kind.plural not in names or kind.group not in {group["name"] for group in groups.get("groups", ())}:
        raise ApiError(NOT_FOUND, f"there is no definition of {kind.name}")
