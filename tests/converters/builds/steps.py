"""The detectors whose scores are step functions, and rotations."""

from pyod.models.copod import COPOD
from pyod.models.loda import LODA
from tests.converters.build import Build

from pynomaly_inference.rod import ROD

BUILDS = {
    "COPOD": Build(make=COPOD),
    "LODA": Build(make=lambda: LODA(random_state=0)),
    "LODA, auto": Build(make=lambda: LODA(n_bins="auto", random_state=0)),
    "LODA, three bins, few cuts": Build(make=lambda: LODA(n_bins=3, n_random_cuts=7, random_state=0)),
    "ROD": Build(make=ROD, columns=5, rows=150, frozen=True),
    "ROD, one subspace": Build(make=ROD, columns=3, rows=150, frozen=True),
}
