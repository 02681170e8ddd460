import hashlib

import numpy as np

from pynomaly_inference.datasets.fingerprint import fingerprint
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows

FEATURES = (("a", FeatureType.NUMBER), ("z", FeatureType.CATEGORY))
NUMBERS = np.array([[1.0], [np.nan], [-0.5]])
CATEGORIES = np.array([["x"], [""], ["ö"]], object)
LABEL = np.array([0, 1, 0])
TIME = np.array([5, 6, 7])


def test_the_fingerprint_is_the_documented_sha256() -> None:
    expected = hashlib.sha256()
    expected.update(b'[[["a", "Number"], ["z", "Category"]], 3, ["i", "i"]]')
    expected.update(np.array([1.0, np.nan, -0.5], "<f8").tobytes())
    expected.update(b'["", "x", "\\u00f6"]' + np.array([1, 0, 2], "<u4").tobytes())
    expected.update(np.array([0, 1, 0, 5, 6, 7], "<i8").tobytes())
    assert fingerprint(FEATURES, Rows(NUMBERS, CATEGORIES), LABEL, TIME) == expected.hexdigest()


def test_every_name_type_and_value_counts() -> None:
    rows = Rows(NUMBERS, CATEGORIES)
    other_numbers = Rows(np.array([[1.0], [np.nan], [np.nextafter(-0.5, 0)]]), CATEGORIES)
    other_categories = Rows(NUMBERS, np.array([["x"], ["ö"], [""]], object))
    numbers_only = (("a", FeatureType.NUMBER),)
    found = [
        fingerprint(FEATURES, rows, LABEL, TIME),
        fingerprint(FEATURES, rows, None, TIME),
        fingerprint(FEATURES, rows, LABEL, None),
        fingerprint(FEATURES, rows, LABEL, TIME.astype(float)),
        fingerprint(FEATURES, rows, LABEL[::-1].copy() + np.array([1, 0, 0]), TIME),
        fingerprint(FEATURES, other_numbers, LABEL, TIME),
        fingerprint(FEATURES, other_categories, LABEL, TIME),
        fingerprint((("b", FeatureType.NUMBER), FEATURES[1]), rows, LABEL, TIME),
        fingerprint(numbers_only, Rows(NUMBERS), LABEL, TIME),
        fingerprint(numbers_only, Rows(NUMBERS[:2]), None, None),
    ]
    assert len(set(found)) == len(found)


def test_any_nan_is_the_same_nan() -> None:
    other = NUMBERS.copy()
    other.view(np.uint64)[1, 0] = 0xFFF8000000000001
    assert np.isnan(other[1, 0])
    assert fingerprint(FEATURES, Rows(other, CATEGORIES), None, None) == fingerprint(
        FEATURES, Rows(NUMBERS, CATEGORIES), None, None
    )
