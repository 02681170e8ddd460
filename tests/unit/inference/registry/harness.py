"""A registry as it is in a cluster, but for the cluster: uvicorn, a SQLite file, and a stand-in for TokenReview."""

import asyncio
import base64
import hashlib
import itertools
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.registry.app import create_app
from pynomaly_inference.registry.auth import Review, ReviewerUnavailable
from pynomaly_inference.registry.connect import connected
from pynomaly_inference.registry.contract import AUDIENCE, ModelInfo, encode_info
from pynomaly_inference.registry.main import uvicorn_config
from pynomaly_inference.registry.settings import RegistrySettings

OPERATOR = "pynomaly:operator"
NAMESPACE = "plant-a"
UID = "0b6d9b0e-36ab-4c62-9b0c-3a2f4a1d5c11"
OTHER_UID = "4f1f9a52-9c5c-4b5e-8f6e-2d8a7f0b9e22"
INFO = ModelInfo(
    name="shuttle",
    algorithm="IForest",
    threshold=0.25,
    evaluation=Evaluation(rows=100, held_out=True, anomaly_rate=0.07, anomalies=7, roc_auc=0.99),
)


@dataclass
class Reviewer:
    """Knows the tokens that it issued, as an API server does."""

    issued: dict[str, Review] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    outage: bool = False
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def issue(self, account: str, *audiences: str) -> str:
        """A token of the service account NAMESPACE:NAME."""
        token = f"token-{next(self.numbers)}"
        self.issued[token] = Review(True, f"system:serviceaccount:{account}", audiences or (AUDIENCE,))
        return token

    async def review(self, token: str, audience: str) -> Review:
        if self.outage:
            raise ReviewerUnavailable("connection refused")
        self.asked.append(token)
        found = self.issued.get(token)
        if found is None:
            return Review(False, "", ())
        return Review(True, found.username, tuple(name for name in found.audiences if name == audience))


@dataclass
class Clock:
    """Stands still until it is moved."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Running:
    """A registry that runs, and what it was made of."""

    url: str
    reviewer: Reviewer
    clock: Clock

    @property
    def address(self) -> tuple[str, int]:
        parsed = httpx.URL(self.url)
        assert parsed.port is not None
        return parsed.host, parsed.port

    def client(self, account: str) -> "Client":
        """A client with a token of this service account."""
        return Client(self.url, self.reviewer.issue(account))

    def trainer(self, uid: str = UID, namespace: str = NAMESPACE) -> "Client":
        return self.client(f"{namespace}:ad-{uid}-train")

    def server(self, uid: str = UID, namespace: str = NAMESPACE) -> "Client":
        return self.client(f"{namespace}:ad-{uid}-serve")

    def operator(self) -> "Client":
        return self.client(OPERATOR)


class Client(httpx.Client):
    """Speaks the contract, by hand."""

    def __init__(self, url: str, token: str) -> None:
        # No certificates: reading the authorities' takes longer than most tests.
        super().__init__(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60, verify=False)

    def upload(
        self, fingerprint: str, content: bytes, *, uid: str = UID, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        path = f"/v1/detectors/{NAMESPACE}/{uid}/fingerprints/{fingerprint}"
        return self.put(path, content=content, headers={**upload_headers(content), **(headers or {})})

    def detector(self, path: str, *, uid: str = UID) -> httpx.Response:
        return self.get(f"/v1/detectors/{NAMESPACE}/{uid}{path}")


def upload_headers(content: bytes) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"Content-Digest": f"sha-256=:{digest}:", "Pynomaly-Model": encode_info(INFO)}


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def settings_for(path: Path) -> RegistrySettings:
    return RegistrySettings(database=f"sqlite:///{path}", operator=OPERATOR, spool=path.parent)


@contextmanager
def running(settings: RegistrySettings) -> Iterator[Running]:
    """A registry on an ephemeral port, in a thread with an event loop of its own."""
    reviewer, clock = Reviewer(), Clock()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = threading.Event()
        server: list[uvicorn.Server] = []

        async def serve() -> None:
            async with connected(settings.database) as database:
                app = create_app(settings, database, reviewer, clock)
                server.append(uvicorn.Server(uvicorn_config(app, settings)))
                started.set()
                await server[0].serve(sockets=[listener])

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        try:
            assert started.wait(30)
            yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", reviewer, clock)
        finally:
            if server:
                server[0].should_exit = True
            thread.join(30)
        assert not thread.is_alive()
