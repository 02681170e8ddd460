"""Closed forms and kernels."""

from typing import Any

from pyod.models.gmm import GMM
from pyod.models.kde import KDE
from pyod.models.kpca import KPCA
from pyod.models.mad import MAD
from pyod.models.mcd import MCD
from pyod.models.ocsvm import OCSVM
from pyod.models.qmcd import QMCD
from tests.converters.build import Build

REMAINDER = 1e-12
"""With all components, KPCA's score of a training row is the rounding of numbers of size one, or of the kernel."""
NO_SPREAD = "The covariance matrix of the support data is equal to 0"
NOT_FINITE = "The dual coefficients or intercepts are not finite"
NEGATIVE = "There are significant negative eigenvalues"


def kde(kernel: str, **parameters: Any) -> KDE:
    """PyOD's class has no parameter for scikit-learn's kernels, but the estimator behind it has."""
    detector = KDE(**parameters)
    detector.kde_.set_params(kernel=kernel)
    return detector


BUILDS: dict[str, Build] = {
    "MAD": Build(make=MAD, columns=1),
    "MAD, threshold": Build(make=lambda: MAD(threshold=1), columns=1),
    "MCD": Build(make=lambda: MCD(random_state=0), refuses={"scale 1e-6": NO_SPREAD}),
    "MCD, centered, most rows": Build(
        make=lambda: MCD(assume_centered=True, support_fraction=0.9, store_precision=False, random_state=0),
        refuses={"scale 1e-6": NO_SPREAD},
    ),
    "GMM": Build(make=lambda: GMM(random_state=0)),
    "GMM, 3 full": Build(make=lambda: GMM(n_components=3, random_state=0)),
    "GMM, 3 tied": Build(make=lambda: GMM(n_components=3, covariance_type="tied", random_state=0)),
    "GMM, 3 diag": Build(make=lambda: GMM(n_components=3, covariance_type="diag", random_state=0)),
    "GMM, 3 spherical": Build(
        make=lambda: GMM(n_components=3, covariance_type="spherical", reg_covar=1e-4, random_state=0)
    ),
    "OCSVM": Build(make=OCSVM),
    "OCSVM, gamma by variance": Build(make=lambda: OCSVM(gamma="scale", nu=0.2)),
    "OCSVM, linear": Build(make=lambda: OCSVM(kernel="linear", max_iter=1000)),
    "OCSVM, poly": Build(make=lambda: OCSVM(kernel="poly", max_iter=1000)),
    "OCSVM, poly of degree 4": Build(
        make=lambda: OCSVM(kernel="poly", degree=4, gamma=0.01, coef0=1.0, max_iter=1000),
        refuses={"offset 1e6": NOT_FINITE, "mixed scales": NOT_FINITE},
    ),
    "OCSVM, sigmoid": Build(make=lambda: OCSVM(kernel="sigmoid", gamma=0.01, coef0=-0.5)),
    "KPCA": Build(make=lambda: KPCA(random_state=0), rows=150, absolute=REMAINDER, refuses={"offset 1e6": NEGATIVE}),
    "KPCA, few": Build(make=lambda: KPCA(n_components=5, n_selected_components=3, gamma=0.1, random_state=0), rows=150),
    "KPCA, linear": Build(
        make=lambda: KPCA(kernel="linear", random_state=0),
        rows=150,
        absolute=REMAINDER,
        refuses={"offset 1e6": NEGATIVE},
    ),
    "KPCA, few, poly of a subset": Build(
        make=lambda: KPCA(kernel="poly", degree=2, n_components=4, sampling=True, subset_size=0.5, random_state=0),
        rows=150,
    ),
    "KPCA, few, sigmoid": Build(
        make=lambda: KPCA(kernel="sigmoid", n_components=4, gamma=1e-4, eigen_solver="dense", random_state=0),
        rows=150,
        absolute=REMAINDER,
    ),
    "KPCA, few, cosine": Build(make=lambda: KPCA(kernel="cosine", n_components=2, random_state=0), rows=150),
    "KDE": Build(make=KDE),
    "KDE, a narrow one of manhattan": Build(
        # A tree of one leaf has no bounds to subtract: PyOD is exact.
        make=lambda: KDE(bandwidth=0.01, metric="manhattan", leaf_size=1000)
    ),
    "KDE, minkowski 3, bandwidth found": Build(make=lambda: KDE(bandwidth="scott", metric_params={"p": 3})),
    "KDE, exponential, canberra": Build(make=lambda: kde("exponential", metric="canberra")),
    "KDE, tophat": Build(make=lambda: kde("tophat", bandwidth=0.5)),
    "KDE, epanechnikov, chebyshev": Build(make=lambda: kde("epanechnikov", bandwidth=0.5, metric="chebyshev")),
    "KDE, linear": Build(make=lambda: kde("linear", bandwidth=2.0)),
    "QMCD": Build(make=QMCD),
}
