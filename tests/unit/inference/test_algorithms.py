"""What a resource may ask of an algorithm is told from what the detectors declare, of bases too and before any fit."""

from typing import Any

import pytest

from pynomaly_inference.algorithms import algorithm_problem, columns_problem

MAD = {"name": "MAD"}
KNN = {"name": "KNN"}


def ensemble(*bases: dict[str, Any]) -> dict[str, Any]:
    return {"bases": list(bases)}


@pytest.mark.parametrize(
    ("name", "parameters", "place"),
    [
        ("MAD", {}, ""),
        ("Ensemble", ensemble(KNN, MAD), "`bases[1].name`: "),
        (
            "Ensemble",
            ensemble({"name": "Ensemble", "parameters": ensemble(MAD)}),
            "`bases[0].parameters.bases[0].name`: ",
        ),
        ("XGBOD", {"estimator_list": [MAD]}, "`estimator_list[0].name`: "),
    ],
    ids=["alone", "base", "nested", "label"],
)
def test_columns_are_as_many_as_every_base_takes(name: str, parameters: dict[str, Any], place: str) -> None:
    assert algorithm_problem(name, parameters) is None
    assert columns_problem(name, parameters, 1) is None
    assert columns_problem(name, parameters, 5) == f"{place}`MAD` takes one feature, not 5: list it in `features`"
    assert columns_problem("Ensemble", ensemble(KNN), 5) is None


def test_a_metric_that_is_refused_is_told_why_and_which_others_there_are() -> None:
    problem = algorithm_problem("LOF", {"metric": "correlation"})
    assert problem is not None
    assert problem.startswith(
        "parameter `metric` of `LOF`: `correlation` is refused, a row of equal numbers has none; "
        "'correlation' is not one of ['minkowski', 'euclidean', "
    )


@pytest.mark.parametrize("base", ["MAD", "DeepSVDD"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("name", "parameter", "why"),
    [
        ("FeatureBagging", "base_estimator", "each copy draws columns of its own"),
        ("SUOD", "base_estimators", "it may project rows onto other columns"),
    ],
)
def test_a_base_made_for_one_number_of_columns_is_refused_where_they_vary(
    name: str, parameter: str, why: str, nested: bool, base: str
) -> None:
    one: dict[str, Any] = {"name": base}
    place = parameter if name == "FeatureBagging" else f"{parameter}[1]"
    if nested:
        one, place = {"name": "Ensemble", "parameters": ensemble(KNN, one)}, f"{place}.parameters.bases[1]"
    assert algorithm_problem(name, {parameter: one if name == "FeatureBagging" else [KNN, one]}) == (
        f"`{place}.name`: `{base}` is made for one number of columns, and `{name}` may give its bases others: {why}; "
        "choose another"
    )


def test_a_network_cannot_be_told_a_number_of_columns_that_may_be_wrong() -> None:
    problem = algorithm_problem("DeepSVDD", {"n_features": 3})
    assert problem is not None
    assert problem.startswith("`DeepSVDD` has no parameter `n_features`")
    assert algorithm_problem("Ensemble", ensemble({"name": "DeepSVDD"}, KNN)) is None


@pytest.mark.parametrize("base", ["VAE", "ALAD"])
def test_xgbod_does_not_learn_from_scores_that_are_drawn_anew(base: str) -> None:
    problem = algorithm_problem("XGBOD", {"estimator_list": [KNN, {"name": base}]})
    assert problem == (
        f"`estimator_list[1].name`: `{base}` draws each score anew while training, and `XGBOD` would learn from scores "
        "that are not those that are served: choose another"
    )
    assert algorithm_problem("Ensemble", ensemble(KNN, {"name": base})) is None


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"estimator_list": [KNN, KNN], "standardization_flag_list": [True, False]}, None),
        ({"estimator_list": [KNN, KNN], "standardization_flag_list": [True]}, "give 2, not 1"),
        ({"standardization_flag_list": [True]}, "give `estimator_list` too, or remove it"),
    ],
    ids=["as many", "fewer", "of none"],
)
def test_a_flag_is_given_for_each_base(parameters: dict[str, Any], problem: str | None) -> None:
    said = f"`standardization_flag_list` has an item for each of `estimator_list`: {problem}"
    assert algorithm_problem("XGBOD", parameters) == (said if problem else None)


@pytest.mark.parametrize("parameter", ["approx_clf_list", "approx_ng_clf_list", "rp_clf_list", "rp_ng_clf_list"])
def test_names_of_detectors_are_of_known_ones(parameter: str) -> None:
    assert algorithm_problem("SUOD", {parameter: ["KNN", "LMDD"]}) is None
    problem = algorithm_problem("SUOD", {parameter: ["KNN", "KNNN"]})
    assert problem is not None
    assert problem.startswith(f"`{parameter}[1]`: unknown algorithm `KNNN`: did you mean `KNN`")
