"""Who is let in, and how often, by the settings."""

from pynomaly_inference.server.access.admission import Admission
from pynomaly_inference.server.access.caller import ALL_SCOPES, SCORING_SCOPES
from pynomaly_inference.server.access.gate import Gate
from pynomaly_inference.server.access.rate_limit import RateLimiter
from pynomaly_inference.server.auth import Keys
from pynomaly_inference.server.settings import ServerSettings


def build_admission(settings: ServerSettings) -> Admission:
    """As `build_gate`, with the limit of requests."""
    limiter = None if settings.requests_per_minute is None else RateLimiter(settings.requests_per_minute)
    return Admission(build_gate(settings), limiter, settings.trusted_proxies)


def build_gate(settings: ServerSettings) -> Gate:
    """Reads the keys and a file of the issuer's; raises ResourceInvalid when they cannot be read.

    Where there are no tokens a key opens everything: nobody else could have the scope `admin`.
    """
    if settings.jwt is None:
        return Gate(Keys(settings.keys, ALL_SCOPES), None)
    # Cryptography costs memory: only where there is an issuer.
    from pynomaly_inference.server.access.issuer_keys import IssuerKeys  # noqa: PLC0415 - see above
    from pynomaly_inference.server.access.tokens import Tokens, Trust  # noqa: PLC0415 - see above

    trust = Trust(settings.jwt.issuer, settings.jwt.audience)
    return Gate(Keys(settings.keys, SCORING_SCOPES), Tokens(trust, IssuerKeys(settings.jwt.jwks)))
