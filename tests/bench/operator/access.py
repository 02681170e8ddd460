"""How the processes of one benchmark reach the API server, each as a user of its own in the audit log."""

import ssl
from pathlib import Path

import aiohttp
from pydantic import BaseModel, ConfigDict
from tests.cluster.control_plane import ControlPlane

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
READ_BUFFER = 2**22
"""Bytes: a line of a watch is a whole object."""


class Access(BaseModel):
    """An administrator's way to the API server, as it is handed to another process."""

    model_config = ConfigDict(frozen=True)

    user: str
    url: str
    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, plane: ControlPlane, user: str) -> "Access":
        """A new user of this name, whom no priority level holds back."""
        identity = plane.authority.issue(user, f"/O=system:masters/CN={user}")
        return cls(
            user=user,
            url=plane.address.url,
            authority=plane.authority.identity.certificate,
            certificate=identity.certificate,
            key=identity.key,
        )

    def session(self, connections: int) -> aiohttp.ClientSession:
        """A client of so many connections; paths are taken as of the API server. Needs a running loop."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        connector = aiohttp.TCPConnector(ssl=context, limit=connections, keepalive_timeout=60)
        timeout = aiohttp.ClientTimeout(total=None, connect=30)
        return aiohttp.ClientSession(self.url, connector=connector, timeout=timeout, read_bufsize=READ_BUFFER)
