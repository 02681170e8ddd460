"""The rows that are compared are bounded, seeded, and go where graphs go wrong."""

import numpy as np
from pyod.models.hbos import HBOS

from pynomaly_inference.convert import reference_of
from pynomaly_inference.convert.cases import cases
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows

FEATURES = (("flow", FeatureType.NUMBER), ("heat", FeatureType.NUMBER), ("zone", FeatureType.CATEGORY))


def mixed(count: int) -> Rows:
    random = np.random.default_rng(count)
    numbers = random.standard_normal((count, 2)) * [1.0, 100.0]
    numbers[0, 0] = np.nan
    return Rows(numbers, random.choice(["unseen", "a"], (count, 1)).astype(object))


def compared(seed: int = 0) -> dict[str, Rows]:
    preprocessing = Preprocessing(FEATURES, imputed=np.zeros(2), levels=(("a", "unseen"),))
    detector = HBOS().fit(preprocessing.transform(mixed(500)))
    return cases(reference_of(detector, preprocessing), preprocessing, mixed(500), mixed(300), seed)


def test_every_case_is_there_and_bounded() -> None:
    sizes = {name: len(rows) for name, rows in compared().items()}
    assert sizes == {
        "training rows": 128,
        "held-out rows": 128,
        "20 sigma": 128,
        "10,000 sigma": 128,
        "constant rows": 4,
        "missing values": 128,
        "unseen categories": 128,
    }


def test_the_same_seed_gives_the_same_rows() -> None:
    for one, other in zip(compared().values(), compared().values(), strict=True):
        assert np.array_equal(one.numbers, other.numbers, equal_nan=True)
    assert not np.array_equal(compared()["20 sigma"].numbers, compared(1)["20 sigma"].numbers, equal_nan=True)


def test_far_rows_are_as_far_as_they_say() -> None:
    spread = np.nanstd(mixed(500).numbers, axis=0)
    for name, sigmas in (("20 sigma", 20.0), ("10,000 sigma", 10_000.0)):
        distances = np.nanstd(compared()[name].numbers, axis=0) / spread
        assert np.all((sigmas / 2 < distances) & (distances < sigmas * 2))


def test_a_row_lacks_every_number_and_an_unseen_level_is_none_of_the_known() -> None:
    rows = compared()
    assert np.isnan(rows["missing values"].numbers[0]).all()
    unseen = rows["unseen categories"].categories
    assert unseen is not None
    assert set(unseen[:, 0]) == {"unseen_"}


def test_plain_numbers_have_no_missing_values_and_no_categories() -> None:
    plain = Preprocessing.none(["flow"])
    X = Rows(np.arange(30.0)[:, None])
    reference = reference_of(HBOS().fit(X.numbers), plain)
    assert set(cases(reference, plain, X, X[:0], 0)) == {"training rows", "20 sigma", "10,000 sigma", "constant rows"}
