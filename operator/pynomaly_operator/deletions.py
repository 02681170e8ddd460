"""What was deleted lately. What is told of it afterwards, though it happened before, must not make it known again.

A list that is taken up slowly tells of an object that a watch has meanwhile told to be gone; so does the answer to a
write that was overtaken.
"""

from collections.abc import Mapping

from pynomaly_operator.manifest import Manifest

MOST = 10_000
"""Of the latest. An earlier one that is told of again stays until the next audit."""


class Deletions:
    """The resourceVersions at which objects went, by their uids.

    An object that only lost its labels goes too, and may come back: at a later resourceVersion.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._versions: dict[str, int] = {}

    @property
    def versions(self) -> Mapping[str, int]:
        """When what went lately went, by uid."""
        return self._versions

    def note(self, metadata: Manifest) -> None:
        """The object with this metadata went, at its resourceVersion."""
        self._versions.pop(metadata["uid"], None)
        self._versions[metadata["uid"]] = int(metadata["resourceVersion"])
        while len(self._versions) > self._most:
            del self._versions[next(iter(self._versions))]

    def follow(self, metadata: Manifest) -> bool:
        """Whether the object went after it was as this metadata says."""
        went = self._versions.get(metadata["uid"])
        return went is not None and int(metadata["resourceVersion"]) <= went
