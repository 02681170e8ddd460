"""A request that cannot be answered, and what its sender must change."""

from pynomaly_inference.errors import PynomalyError


class Rejected(PynomalyError):  # the base's exit code never applies: a rejected request ends no process
    """An HTTP status from 400 up and a sentence; `row` counts from 1, `feature` is the resource's name of it."""

    headers: tuple[tuple[bytes, bytes], ...] = ()
    """What the answer carries besides, where HTTP asks for it."""

    def __init__(self, status: int, detail: str, *, row: int | None = None, feature: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.row = row
        self.feature = feature


class ClientLeft(Exception):
    """The client closed its connection before its request was whole: there is nobody to answer."""
