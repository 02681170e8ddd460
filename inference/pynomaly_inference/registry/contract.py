"""What the registry and its clients say to each other; all that a client imports of it.

`PUT /v1/detectors/{namespace}/{uid}/fingerprints/{fingerprint}` carries the model's bytes, whole or chunked, and

- `Content-Digest: sha-256=:BASE64:` (RFC 9530), which is checked before anything is stored;
- `Pynomaly-Model: BASE64URL`, the JSON of a `ModelInfo`. The registry never opens a model file, so what it tells of
  one comes from whom it lets publish it. A header is small, arrives before the body and can be refused before it, and
  leaves the body and its digest what they are: the file.

The answer to it, to a GET of the same path, and to a GET of `.../versions/{version}` is a `Recorded`; `.../versions` is
`{"versions": [Recorded, ...]}`, newest first; `.../models/{digest}` is the file. Failures are RFC 9457 problems.

`PUT /v1/living` is the operator's alone: a `LivingDetectors`, answered with a `Forgetting`. It is how models of deleted
detectors go. A detector that a list lacks is marked. When a list that Kubernetes made later, and that comes seven days
or more after the first that lacked it, lacks it too, it is confirmed gone: its models and its record are deleted. A
list that has it removes the mark, also of a confirmed one. So the operator sends a list every few hours, and

- makes it of one LIST of the API server without `resourceVersion` (what a cache or a watch knows may be old), paged or
  not, and drops it when a page answers 410: then the pages are not of one moment;
- sends no list when there is no detector: an empty list is 422, since it cannot be told from one that went wrong;
- may repeat a list: its `resourceVersion` tells, and only the deletion goes on. One with a lower `resourceVersion` than
  the last is of another cluster, or of one restored from a backup: all marks are removed, and it counts as the first;
- repeats it at once while the answer's `confirmed` is not 0: one request deletes at most `MODELS_A_REQUEST` models.
"""

import base64
import binascii
import re
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from pynomaly_inference.bundle import Evaluation, Metadata

MEBIBYTE = 1024 * 1024
MAX_MODEL_BYTES = 256 * MEBIBYTE
MAX_INFO_HEADER = 32 * 1024
"""The longest `Pynomaly-Model` value, in characters."""
AUDIENCE = "pynomaly-registry"
"""What a service account's token must be issued for."""
INFO_HEADER = "Pynomaly-Model"
DIGEST_HEADER = "Content-Digest"

GONE_AFTER = timedelta(days=7)
"""From the first list that lacks a detector to the one that confirms it."""
LIVING_PATH = "/v1/living"
MAX_LIVING = 100_000
"""The most detectors that one list names."""
MODELS_A_REQUEST = 100

_SHA256_MEMBER = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:;[^,]*)?(?=,|$)")

Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Uid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
"""A UUID as Kubernetes writes it: another spelling of the same would be another detector."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class _Message(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class DetectorKey(_Message):
    """A detector, as the cluster knows it. A re-created resource of the same name has another UID."""

    namespace: Namespace
    uid: Uid

    @property
    def subject(self) -> str:
        """What it is called among those who take turns to write."""
        return f"{self.namespace}/{self.uid}"


class TrainingKey(DetectorKey):
    """A detector and the fingerprint of what was asked to be trained."""

    fingerprint: Sha256

    @property
    def path(self) -> str:
        """Where the registry keeps its record."""
        return f"/v1/detectors/{self.namespace}/{self.uid}/fingerprints/{self.fingerprint}"


class ModelInfo(_Message):
    """What is told of a model without opening its file."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
    """The resource's name."""
    algorithm: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)]
    threshold: float
    evaluation: Evaluation
    """The metrics that gates judge; a metric that is not defined is null."""

    @classmethod
    def of(cls, metadata: Metadata) -> Self:
        """What a model file says of itself, in short."""
        return cls(
            name=metadata.name,
            algorithm=metadata.algorithm.name,
            threshold=metadata.threshold,
            evaluation=metadata.evaluation,
        )


class Recorded(_Message):
    """One version of a detector's model."""

    version: VersionNumber
    digest: Sha256
    fingerprint: Sha256
    size: int
    """Bytes of the model file."""
    created: datetime
    model: ModelInfo


class LivingDetectors(_Message):
    """Every detector that the cluster has at one moment.

    resource_version: of that moment, as the LIST's metadata has it. namespaces: those that were listed; null when all
    were. count: of the UIDs, so that a list that was cut short is refused.
    """

    format: Literal[1] = 1
    resource_version: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,19})$")]
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=MAX_LIVING)] | None
    count: int
    uids: Annotated[tuple[Uid, ...], Field(min_length=1, max_length=MAX_LIVING)]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not len(set(self.uids)) == len(self.uids) == self.count:
            raise ValueError(f"count is {self.count}, and the list has {len(set(self.uids))} different UIDs")
        return self


class Forgetting(_Message):
    """What a list came to.

    missing: detectors that are marked; confirmed: those of them that are still to be deleted; forgotten: those that
    this request deleted.
    """

    missing: int
    confirmed: int
    forgotten: int


def encode_info(info: ModelInfo) -> str:
    """The value of `Pynomaly-Model`."""
    return base64.urlsafe_b64encode(info.model_dump_json(by_alias=True).encode()).decode()


def decode_info(value: str) -> ModelInfo:
    """What `encode_info` wrote, with or without padding; raises ValueError (pydantic's is one) when it is not that."""
    try:
        text = base64.b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64url: {error}") from error
    return ModelInfo.model_validate_json(text)


def encode_digest(digest: bytes) -> str:
    """The value of `Content-Digest` for a SHA-256."""
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def decode_digest(value: str) -> bytes | None:
    """The SHA-256 among the digests of a `Content-Digest`, None when there is none."""
    found = _SHA256_MEMBER.search(value)
    return None if found is None else base64.b64decode(found[1])
