"""The first five detectors."""

from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA
from tests.converters.build import Build

BUILDS = {
    "IForest": Build(make=lambda: IForest(n_estimators=20, random_state=0)),
    "IForest, few features, bootstrap": Build(
        make=lambda: IForest(n_estimators=20, max_features=0.5, max_samples=0.3, bootstrap=True, random_state=0)
    ),
    "KNN": Build(make=KNN),
    "KNN, mean": Build(make=lambda: KNN(method="mean", n_neighbors=7)),
    "KNN, median of an even number": Build(make=lambda: KNN(method="median", n_neighbors=4)),
    "KNN, median of an odd number": Build(make=lambda: KNN(method="median", n_neighbors=3)),
    "KNN, manhattan": Build(make=lambda: KNN(metric="manhattan")),
    "KNN, minkowski 3": Build(make=lambda: KNN(p=3, n_neighbors=2)),
    "HBOS": Build(make=HBOS),
    "HBOS, auto": Build(make=lambda: HBOS(n_bins="auto", alpha=0.2, tol=0.3)),
    "ECOD": Build(make=ECOD),
    "PCA": Build(make=PCA),
    "PCA, variance, plain": Build(make=lambda: PCA(n_components=0.8, weighted=False, standardization=False)),
    "PCA, last component, whitened": Build(make=lambda: PCA(n_selected_components=1, whiten=True)),
}
