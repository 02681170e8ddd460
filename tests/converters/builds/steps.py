"""The detectors whose scores are step functions."""

from pyod.models.copod import COPOD
from pyod.models.loda import LODA
from tests.converters.build import Build

BUILDS = {
    "COPOD": Build(make=COPOD),
    "LODA": Build(make=lambda: LODA(random_state=0)),
    "LODA, auto": Build(make=lambda: LODA(n_bins="auto", random_state=0)),
    "LODA, three bins, few cuts": Build(make=lambda: LODA(n_bins=3, n_random_cuts=7, random_state=0)),
}
