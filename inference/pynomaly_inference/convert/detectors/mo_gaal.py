"""Multiple-objective generative adversarial active learning: Liu et al., TKDE 2019."""

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Declaration
from pynomaly_inference.convert.detectors.so_gaal import TRAINING, columns, convert, scores_in_double
from pynomaly_inference.convert.double_precision import double_reference
from pynomaly_inference.convert.networks import EXTRA

DECLARATION = Declaration(
    name="MO_GAAL",
    path="pyod.models.mo_gaal.MO_GAAL",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=columns,
    reference=double_reference(scores_in_double),
    extra=EXTRA,
    parameters=TRAINING
    | {"k": {"type": "integer", "minimum": 1, "description": "How many generators; the default is 10."}},
)
