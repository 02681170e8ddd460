"""The resource `AnomalyDetector`: what to train and how to serve it.

A field that is not declared here is an error that names it. Defaults are stated in the descriptions, which `pynomaly
schema` prints.
"""

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from pynomaly_inference.algorithms import algorithm_problem, capabilities, columns_problem, label_problem
from pynomaly_inference.features import FeatureType
from pynomaly_inference.source_uri import credentials_problem, source_problem

HOLDOUT_WITH_LABEL = 0.3

Share = Annotated[float, Field(ge=0, le=1)]
ColumnName = Annotated[str, Field(min_length=1, max_length=253)]
_SERVICE = r"[a-z]([-a-z0-9]*[a-z0-9])?\.[a-z0-9]([-a-z0-9]*[a-z0-9])?\.svc(\.cluster\.local)?"
_PORT_AND_PATH = r"(:[1-9][0-9]{0,4})?(/[!-~]*)?"
JWKS_PATTERN = rf"^(https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])|http://{_SERVICE}){_PORT_AND_PATH}$"
ClaimText = Annotated[str, Field(pattern="^[!-~]+$", min_length=1, max_length=512)]
SecretName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", max_length=253)]


class Part(BaseModel):
    """A part of the resource: parsed strictly, frozen, in camelCase; a field that is not declared is an error."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


def _algorithm_schema(schema: dict[str, Any]) -> None:
    """Tells editors each detector's parameters."""
    served = [capability for capability in capabilities().values() if capability.reason is None]
    schema["properties"]["name"]["enum"] = [capability.name for capability in served]
    schema["allOf"] = [
        {
            "if": {"properties": {"name": {"const": capability.name}}},
            "then": {"properties": {"parameters": dict(capability.parameters)}},
        }
        for capability in served
    ]


class Algorithm(Part):
    """The PyOD detector."""

    model_config = ConfigDict(json_schema_extra=_algorithm_schema)

    name: str
    """PyOD's class name. `pynomaly detectors` lists them."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the PyOD class. Default: PyOD's own."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if problem := algorithm_problem(self.name, self.parameters):
            raise ValueError(problem)
        return self


class Feature(Part):
    """A column that enters the detector."""

    name: ColumnName
    """The column's name in the data."""
    type: FeatureType
    """Number, or Category: text that is one-hot encoded, at most 100 levels."""


class Preprocessing(Part):
    """What happens to a row before the detector sees it; it becomes part of the model. Default: nothing."""

    impute: Literal["Mean", "Median"] | None = None
    """What a missing Number becomes, from the training rows. Default: a missing Number is an error."""
    scale: Literal["Standard", "MinMax", "Robust"] | None = None
    """How Numbers are scaled, as scikit-learn's scaler of that name does. Default: they are not."""


class Source(Part):
    """Where the training rows come from."""

    uri: Annotated[str, Field(min_length=1, max_length=2048)]
    """pvc://CLAIM/PATH, configmap://NAME/KEY, http(s)://…, s3://BUCKET/KEY, gs://BUCKET/KEY, azure://CONTAINER/PATH,
    abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH or postgresql://HOST:PORT/DATABASE; csv, parquet, ndjson, json or
    xlsx, also .gz and .zst; globs, but on the web. On the command line also a local path, relative to this file, or
    file://."""
    query: Annotated[str, Field(min_length=1, max_length=16384)] | None = None
    """A SELECT whose rows are the training rows; for postgresql:// alone."""
    credentials: SecretName | None = None
    """A Secret of the same namespace, labelled pynomaly.io/use=training. Its entries become the variables by which the
    source is opened; outside a cluster they are taken from the environment. s3: AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL. gs: GOOGLE_CREDENTIALS (the content of a
    service account's key). azure: AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN,
    or AZURE_STORAGE_CONNECTION_STRING. postgresql: PGUSER, PGPASSWORD. http(s): HTTP_USERNAME, HTTP_PASSWORD."""
    label: ColumnName | None = None
    """A column of 0 and 1 (1 is an anomaly). It turns evaluation on and is no feature. Required by XGBOD and DevNet."""
    timestamp: ColumnName | None = None
    """A column that orders the rows in time; the last rows are held out. It is no feature."""

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        problem = source_problem(self.uri, self.query) or credentials_problem(self.uri, self.credentials)
        if problem is not None:
            raise ValueError(problem)
        return self


class Gates(Part):
    """Bounds that the model must keep on the held-out rows (the training rows when none are held out)."""

    min_roc_auc: Share | None = None
    """Least area under the ROC curve. Needs a label."""
    min_average_precision: Share | None = None
    """Least average precision. Needs a label."""
    max_anomaly_rate: Share | None = None
    """Largest share of rows that the model may call anomalous."""


class Training(Part):
    """How the model is trained and judged."""

    source: Source
    holdout: Annotated[float, Field(ge=0, le=0.9)] | None = None
    """Share of the rows kept from training to evaluate on. Default: 0.3 with a label, 0 without."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Feeds the split and the detector's random_state. Default: 0."""
    gates: Gates = Field(default_factory=Gates)

    @model_validator(mode="after")
    def _gates_can_be_judged(self) -> Self:
        if self.source.label is None:
            for field in ("min_roc_auc", "min_average_precision"):
                if getattr(self.gates, field) is not None:
                    raise ValueError(f"gates.{to_camel(field)} needs training.source.label: name the label's column")
        return self

    @property
    def held_out_share(self) -> float:
        """`holdout`, or its default."""
        if self.holdout is not None:
            return self.holdout
        return 0.0 if self.source.label is None else HOLDOUT_WITH_LABEL


class ApiKeys(Part):
    """Callers present a key; on a laptop `--keys` names the file that holds them."""


class Jwt(Part):
    """Whose JSON Web Tokens open what their scopes say: score, explain and admin, in the claim scope or scp."""

    issuer: ClaimText
    """The claim iss of its tokens, to the letter."""
    audience: ClaimText
    """What the claim aud of a token must name."""
    jwks_uri: Annotated[str, Field(pattern=JWKS_PATTERN, max_length=1024)]
    """Where its public keys are, as a JSON Web Key Set: https, or http to a Service of the cluster by its whole name,
    NAME.NAMESPACE.svc, whose port must be that of its pods. A name with a private address needs, in a cluster, an entry
    of network.allowTo with its port."""


class Access(Part):
    """Who may score. Default: API keys."""

    api_keys: ApiKeys | None = None
    """Callers present a key in X-API-Key or as a Bearer token."""
    jwt: Jwt | None = None
    """Callers present a token; beside apiKeys, either will do. Default: no tokens."""
    anonymous: bool = False
    """True: anyone who reaches the server may score. Default: false."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.anonymous and self.api_keys is not None:
            raise ValueError("apiKeys and anonymous exclude each other: remove one")
        if self.anonymous and self.jwt is not None:
            raise ValueError("jwt and anonymous exclude each other: remove one")
        return self

    @property
    def by_keys(self) -> bool:
        """Whether a key opens."""
        return not self.anonymous and (self.api_keys is not None or self.jwt is None)


class Limits(Part):
    """What one request, and one caller, may ask for."""

    rows: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """Most rows of one request. Default: 100000."""
    body_mib: Annotated[int, Field(ge=1, le=1024, alias="bodyMiB")] = 50
    """Largest body of one request, in MiB; twice as large may be CSV and Parquet. Default: 50."""
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Requests of one caller to one pod; two seconds' worth, and 20 anyway, may come at once. Default: 600."""


class Serving(Part):
    """How the model is served."""

    access: Access = Field(default_factory=Access)
    limits: Limits = Field(default_factory=Limits)


def _usable(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    counts = Counter(feature.name for feature in features)
    name, times = counts.most_common(1)[0]
    if times > 1:
        raise ValueError(f"`{name}` is listed {times} times: keep one")
    if all(feature.type is not FeatureType.NUMBER for feature in features):
        raise ValueError("a detector needs at least one feature of type Number")
    return features


class DetectorSpec(Part):
    """What to train and how to serve it."""

    algorithm: Algorithm
    contamination: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """Share of the training rows that lie above the threshold. Default: 0.1, as in PyOD."""
    features: Annotated[tuple[Feature, ...], Field(min_length=1, max_length=2000), AfterValidator(_usable)] | None = (
        None
    )
    """The columns that enter the detector, in this order. Default: every column but label and timestamp, as Number."""
    preprocessing: Preprocessing = Field(default_factory=Preprocessing)
    training: Training
    serving: Serving = Field(default_factory=Serving)

    @model_validator(mode="after")
    def _features_are_as_many_as_the_algorithm_takes(self) -> Self:
        if self.features is None:
            return self
        if problem := columns_problem(self.algorithm.name, self.algorithm.parameters, len(self.features)):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _label_is_named_where_it_is_learned(self) -> Self:
        if problem := label_problem(self.algorithm.name, self.training.source.label):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _features_are_features(self) -> Self:
        source = self.training.source
        for feature in self.features or ():
            if feature.name in (source.label, source.timestamp):
                raise ValueError(f"features: `{feature.name}` is the label or the timestamp: remove it from one place")
        if source.label is not None and source.label == source.timestamp:
            raise ValueError(f"training.source: `{source.label}` cannot be both label and timestamp")
        return self


class ObjectMeta(BaseModel):
    """Kubernetes' own metadata; only what the command line needs is declared, the rest is the cluster's."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
    """The detector's name, and the model's in every protocol: lower-case letters, digits and dashes, at most 40."""


class AnomalyDetector(BaseModel):
    """One anomaly detector: data in, scoring service out."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True)

    apiVersion: Literal["pynomaly.io/v1alpha1"]  # noqa: N815 - Kubernetes' spelling
    kind: Literal["AnomalyDetector"]
    metadata: ObjectMeta
    spec: DetectorSpec
