"""Closed forms and kernels."""

from pyod.models.mad import MAD
from tests.converters.build import Build

BUILDS: dict[str, Build] = {
    "MAD": Build(make=MAD, columns=1),
    "MAD, threshold": Build(make=lambda: MAD(threshold=1), columns=1),
}
