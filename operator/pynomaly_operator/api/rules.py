"""What the CustomResourceDefinition checks beyond shape: CEL rules, each with a sentence that names the field."""

from dataclasses import dataclass

from pynomaly_inference import source_uri
from pynomaly_operator.api.v1alpha1 import DEFAULT_OVERLAP

NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
_URIS = (source_uri.MOUNTED, source_uri.WEB, source_uri.OBJECTS, source_uri.AZURE, source_uri.POSTGRESQL)
URI_PATTERN = f"^({'|'.join(_URIS)})$"
_NETWORK_PATTERN = "^(https?|s3|gs|azure|abfs|postgresql)://"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = rf"({_OCTET}[.]){{3}}{_OCTET}/(3[0-2]|[12]?[0-9])"
_V6 = r"[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,8}/(12[0-8]|1[01][0-9]|[1-9]?[0-9])"
CIDR_PATTERN = f"^({_V4}|{_V6})$"
"""The shape of a network; rules can read addresses themselves since Kubernetes 1.31 only."""


@dataclass(frozen=True)
class Rule:
    """One `x-kubernetes-validations` entry."""

    rule: str
    message: str


ROOT = (
    Rule(
        f"self.metadata.name.size() <= 40 && self.metadata.name.matches('{NAME_PATTERN}')",
        "metadata.name must be at most 40 lower-case letters, digits and dashes, and start with a letter",
    ),
)


def _not_a_feature(field: str) -> Rule:
    return Rule(
        f"!has(self.features) || !has(self.training.source.{field})"
        f" || !self.features.exists(f, f.name == self.training.source.{field})",
        f"features must not list the column of training.source.{field}: remove it from one place",
    )


def _gate_needs_label(gate: str) -> Rule:
    return Rule(
        f"!has(self.gates) || !has(self.gates.{gate}) || has(self.source.label)",
        f"gates.{gate} needs training.source.label: name the label's column",
    )


def _requests_within_limits(resource: str) -> Rule:
    asked, most = f"self.requests.{resource}", f"self.limits.{resource}"
    return Rule(
        f"!has(self.requests) || !has({asked}) || !has(self.limits) || !has({most})"
        f" || quantity(string({asked})).compareTo(quantity(string({most}))) <= 0",
        f"requests.{resource} must not be more than limits.{resource}",
    )


def _given(resource: str) -> str:
    parts = (f"self.resources.{part}" for part in ("requests", "limits"))
    return " || ".join(f"(has({part}) && has({part}.{resource}))" for part in parts)


def _share_is_of_a_request(asked: str, resource: str, other: str) -> Rule:
    """Where one of the two is given, the defaults are dropped, and the other must be given as well."""
    return Rule(
        f"!has(self.replicas) || !has(self.replicas.max) || self.replicas.max <= self.replicas.min"
        f" || !has(self.replicas.{asked}) || !has(self.resources) || {_given(resource)} || !({_given(other)})",
        f"autoscaling measures a share of serving.resources.requests.{resource}: set it",
    )


_RESOURCES = (_requests_within_limits("cpu"), _requests_within_limits("memory"))

# By path below `spec`; the empty path is the spec itself.
RULES: dict[tuple[str, ...], tuple[Rule, ...]] = {
    (): (_not_a_feature("label"), _not_a_feature("timestamp")),
    ("features",): (
        Rule("self.exists(f, f.type == 'Number')", "features must list at least one feature of type Number"),
    ),
    ("training",): (_gate_needs_label("minRocAuc"), _gate_needs_label("minAveragePrecision")),
    ("training", "source"): (
        Rule(
            "!has(self.label) || !has(self.timestamp) || self.label != self.timestamp",
            "training.source: one column cannot be both label and timestamp",
        ),
        Rule(
            f"has(self.query) == self.uri.startsWith('{source_uri.POSTGRESQL_SCHEME}')",
            "training.source: postgresql:// needs query, and no other uri has one",
        ),
        Rule(
            f"!has(self.credentials) || self.uri.matches('{_NETWORK_PATTERN}')",
            "training.source: credentials are for sources on the network",
        ),
    ),
    ("training", "source", "uri"): (
        Rule(
            f"self.matches('{URI_PATTERN}')",
            "uri must be pvc://CLAIM/PATH, configmap://NAME/KEY, http(s)://…, s3://BUCKET/KEY, gs://BUCKET/KEY,"
            " azure://CONTAINER/PATH, abfs://… or postgresql://HOST/DATABASE, without user and password, which are"
            " for the Secret that credentials names; local paths and file:// are for the command line",
        ),
        Rule("!self.matches('(^|/)[.][.](/|$)')", "uri must not contain `..`"),
    ),
    ("training", "timeout"): (Rule("duration(self) >= duration('1s')", "timeout must be at least 1s"),),
    ("training", "resources"): _RESOURCES,
    ("serving", "resources"): _RESOURCES,
    ("serving",): (
        _share_is_of_a_request("max", "cpu", "memory"),
        _share_is_of_a_request("memory", "memory", "cpu"),
    ),
    ("serving", "replicas"): (
        Rule(
            "!has(self.max) || !has(self.min) || self.min <= self.max",
            "serving.replicas.min must not be more than serving.replicas.max",
        ),
    ),
    ("network", "allowTo"): (
        Rule(
            "self.all(place, has(place.cidr) != has(place.namespace))",
            "each entry of network.allowTo needs either cidr or namespace",
        ),
        Rule(
            f"self.all(place, !has(place.cidr) || place.cidr.matches('{CIDR_PATTERN}'))",
            "network.allowTo: cidr must be a network such as 10.20.0.0/16 or fd00:20::/64",
        ),
    ),
    ("network", "trustedProxies"): (
        Rule(
            f"self.all(cidr, cidr.matches('{CIDR_PATTERN}'))",
            "network.trustedProxies: each must be a network such as 10.20.0.0/16 or fd00:20::/64",
        ),
    ),
    ("serving", "access", "apiKeys"): (
        Rule("!has(self.overlap) || has(self.rotateAfter)", "apiKeys.overlap needs apiKeys.rotateAfter: add it"),
        Rule(
            "!has(self.rotateAfter) || duration(self.rotateAfter) >= duration('1h')",
            "apiKeys.rotateAfter must be at least 1h",
        ),
        Rule(
            f"!has(self.rotateAfter) || duration(has(self.overlap) ? self.overlap : '{DEFAULT_OVERLAP}')"
            " < duration(self.rotateAfter)",
            f"apiKeys.overlap, {DEFAULT_OVERLAP} when it is left out, must be less than apiKeys.rotateAfter",
        ),
        Rule("!has(self.overlap) || duration(self.overlap) >= duration('1m')", "apiKeys.overlap must be at least 1m"),
    ),
    ("serving", "access"): (
        Rule(
            "!(has(self.apiKeys) && has(self.anonymous) && self.anonymous)",
            "access.apiKeys and access.anonymous exclude each other: remove one",
        ),
        Rule(
            "!(has(self.jwt) && has(self.anonymous) && self.anonymous)",
            "access.jwt and access.anonymous exclude each other: remove one",
        ),
    ),
}
