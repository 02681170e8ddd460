"""Detectors by neighbours, spheres and clusters."""

from pyod.models.abod import ABOD
from pyod.models.cblof import CBLOF
from pyod.models.hdbscan import HDBSCAN
from pyod.models.inne import INNE
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from pyod.models.sampling import Sampling
from tests.converters.build import Build

TOO_FEW_PLACES = {"symmetric integers": "Could not form valid cluster separation"}

BUILDS = {
    "KNN, chebyshev": Build(make=lambda: KNN(metric="chebyshev")),
    "KNN, canberra": Build(make=lambda: KNN(metric="canberra", method="mean"), rows=200),
    "KNN, braycurtis": Build(make=lambda: KNN(metric="braycurtis"), rows=200),
    "KNN, hamming": Build(make=lambda: KNN(metric="hamming", method="mean"), rows=200),
    "KNN, sqeuclidean": Build(make=lambda: KNN(metric="sqeuclidean", method="mean")),
    "KNN, cosine": Build(make=lambda: KNN(metric="cosine", method="median")),
    "KNN, russellrao": Build(make=lambda: KNN(metric="russellrao"), rows=200),
    "LOF": Build(make=LOF),
    "LOF, few neighbours, minkowski 3": Build(make=lambda: LOF(n_neighbors=3, p=3), rows=200),
    "LOF, canberra": Build(make=lambda: LOF(metric="canberra"), rows=200),
    "LOF, cosine": Build(make=lambda: LOF(metric="cosine", algorithm="brute"), rows=200),
    "ABOD": Build(make=ABOD, rows=150),
    "ABOD, many neighbours, canberra": Build(make=lambda: ABOD(n_neighbors=10, metric="canberra"), rows=100),
    "HDBSCAN": Build(make=HDBSCAN),
    "HDBSCAN, large clusters": Build(
        make=lambda: HDBSCAN(min_cluster_size=15, min_samples=3, alpha=1.3, metric="manhattan"), rows=200
    ),
    "HDBSCAN, cosine": Build(make=lambda: HDBSCAN(metric="cosine"), rows=200),
    "CBLOF": Build(make=lambda: CBLOF(random_state=0), refuses=TOO_FEW_PLACES),
    "CBLOF, weights": Build(make=lambda: CBLOF(n_clusters=6, alpha=0.7, beta=2, use_weights=True, random_state=0)),
    "INNE": Build(make=lambda: INNE(n_estimators=40, random_state=0)),
    "INNE, share": Build(make=lambda: INNE(n_estimators=10, max_samples=0.1, random_state=0)),
    "Sampling": Build(make=lambda: Sampling(random_state=0)),
    "Sampling, share, manhattan": Build(make=lambda: Sampling(subset_size=0.2, metric="manhattan", random_state=0)),
}
