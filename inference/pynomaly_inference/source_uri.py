"""Which URIs a source may have: by pattern, so that the resource's definition in a cluster says the same.

The patterns keep to what RE2 knows too.
"""

import re

from pynomaly_inference.credentials import VARIABLES

_DNS_NAME = "[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
MOUNTED = rf"(pvc|configmap)://{_DNS_NAME}/.+"
WEB = "https?://[^/@ ]+(/.*)?"
OBJECTS = "(s3|gs)://[^/@ ]+/.+"
AZURE = "(azure|abfs)://[^/@: ]+(@[a-z0-9]{3,24}[.](dfs|blob)[.]core[.]windows[.]net)?/.+"
POSTGRESQL = "postgresql://[^/@? ]+/[^/?#@ ]+([?]sslmode=(disable|allow|prefer|require|verify-full))?"
POSTGRESQL_SCHEME = "postgresql://"

CREDENTIALS_ADVICE = (
    "uri must not hold a user or password: put them into the Secret that training.source.credentials names, "
    "or outside a cluster into the environment"
)
_USER = re.compile(r"(?P<scheme>[a-z0-9]+)://[^/]*@", re.IGNORECASE)
_SCHEME = re.compile(r"(?P<scheme>[a-z0-9]+)://", re.IGNORECASE)


def source_problem(uri: str, query: str | None) -> str | None:
    """What is wrong with a source's URI and query wherever they are used; None: nothing is."""
    found = _SCHEME.match(uri)
    scheme = "" if found is None else found["scheme"].lower()
    if scheme in VARIABLES and _USER.match(uri) and not re.fullmatch(AZURE, uri):
        return CREDENTIALS_ADVICE
    if scheme == "postgresql" and not re.fullmatch(POSTGRESQL, uri):
        return "uri must be postgresql://HOST:PORT/DATABASE, where only ?sslmode=… may follow"
    if scheme == "postgresql" and query is None:
        return "query is required: postgresql:// needs a SELECT"
    if scheme != "postgresql" and query is not None:
        return "query is for postgresql:// alone: remove it"
    return None


def credentials_problem(uri: str, credentials: str | None) -> str | None:
    """Whether a Secret is named where none can be used; None: no problem."""
    found = _SCHEME.match(uri)
    if credentials is None or (found is not None and found["scheme"].lower() in VARIABLES):
        return None
    return "credentials are for sources on the network: remove them"
