"""One scoring request, whatever its protocol."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.access.caller import ANYONE, Caller
from pynomaly_inference.server.http import Reply
from pynomaly_inference.server.table import ServedModel


@dataclass(slots=True)
class Call(ABC):
    """explain, unify: outputs wanted besides, known once the body is decoded. threshold: the client's own.

    slow: decoding may take long, however small the body is. ignored: columns of the body, by name, that the model does
    not know; known once the body is decoded. caller: who asks.
    """

    served: ServedModel
    explain: bool = False
    unify: bool = False
    threshold: float | None = None
    slow: bool = False
    ignored: int = 0
    caller: Caller = ANYONE

    @abstractmethod
    def decode(self, body: bytes) -> Rows:
        """The rows of the body; raises Rejected."""

    def check_size(self, body: bytes, most_rows: int) -> None:  # noqa: B027 - most formats take no more than they are
        """Raises Rejected 413 for a large body that plainly has more rows, before they take memory."""

    @abstractmethod
    def reply(self, scored: Scored) -> Reply:
        """The answer, in the protocol's form."""
