"""Detectors made of detectors."""

from typing import Any

from pyod.models.ecod import ECOD
from pyod.models.feature_bagging import FeatureBagging
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA
from pyod.models.suod import SUOD
from pyod.models.xgbod import XGBOD
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from tests.converters.build import Build

from pynomaly_inference.ensemble import Combination, Ensemble

ONE_FEATURE = {"one feature": "n_features is set to 1"}


def four() -> list[Any]:
    return [KNN(), HBOS(), IForest(n_estimators=10, random_state=0), KNN(method="mean", n_neighbors=3)]


def ensemble(combination: Combination, bases: list[Any] | None = None, **more: Any) -> Build:
    return Build(
        make=lambda: Ensemble(four() if bases is None else bases, combination=combination, n_buckets=2, random_state=0),
        rows=150,
        **more,
    )


def suod(**parameters: Any) -> SUOD:
    # Its scheduling of processes is slow and changes no score.
    return SUOD(
        [KNN(), HBOS(), IForest(n_estimators=10, random_state=0)],
        bps_flag=False,
        approx_clf=RandomForestRegressor(n_estimators=5, random_state=0),
        **parameters,
    )


def xgbod(**parameters: Any) -> XGBOD:
    bases = [KNN(), HBOS(), IForest(n_estimators=10, random_state=0)]
    # XGBoost would warn of PyOD's parameter `silent`.
    return XGBOD(bases, verbosity=0, **parameters)


BUILDS = {
    "Ensemble, average": ensemble("average"),
    "Ensemble, maximization": ensemble("maximization"),
    "Ensemble, median of an even number": ensemble("median"),
    "Ensemble, median of an odd number": ensemble("median", four()[:3]),
    "Ensemble, average of maxima": ensemble("aom"),
    "Ensemble, maximum of averages": ensemble("moa"),
    "Ensemble of a row's own scores": ensemble("average", [ECOD(), HBOS()]),
    "Ensemble of ensembles": ensemble(
        "average", [Ensemble(four()[:2]), FeatureBagging(HBOS(), random_state=0)], refuses=ONE_FEATURE
    ),
    "FeatureBagging of KNN": Build(
        make=lambda: FeatureBagging(KNN(), n_estimators=4, random_state=0), refuses=ONE_FEATURE, rows=150
    ),
    "FeatureBagging, maximum, repeated columns": Build(
        make=lambda: FeatureBagging(HBOS(), combination="max", bootstrap_features=True, random_state=0),
        refuses=ONE_FEATURE,
        rows=150,
    ),
    "SUOD": Build(make=suod, rows=100),
    "SUOD, maximum, discrete projection, no forest": Build(
        make=lambda: suod(combination="maximization", jl_method="discrete", approx_flag_global=False), rows=100
    ),
    "SUOD, no projection, other forests": Build(
        make=lambda: SUOD(
            [PCA(random_state=0, weighted=False), KNN()],
            rp_flag_global=False,
            bps_flag=False,
            approx_clf_list=["PCA", "KNN"],
            approx_clf=ExtraTreesRegressor(n_estimators=5, random_state=0),
        ),
        rows=100,
    ),
    "XGBOD": Build(make=xgbod, labelled=True, rows=150),
    "XGBOD, raw and standardised, tuned": Build(
        make=lambda: xgbod(
            standardization_flag_list=[True, False, False],
            max_depth=6,
            learning_rate=0.3,
            n_estimators=30,
            subsample=0.7,
            colsample_bytree=0.5,
            scale_pos_weight=5,
            base_score=0.2,
            reg_alpha=0.1,
        ),
        labelled=True,
        rows=150,
    ),
}
