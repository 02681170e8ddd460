"""The table of models."""

import re
from typing import Any

import pytest

from pynomaly_inference.errors import ModelLoadFailed
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable


def test_models_are_found_by_name_and_version(table: Any, variant: Any) -> None:
    models = table(variant(), variant(name="zones", category=True))

    assert models.names == ("plant", "zones")
    assert [served.name for served in models] == ["plant", "zones"]
    assert models.named("zones", "0").schema.categories == 1
    with pytest.raises(Rejected, match="model `zones` has no version `1` here: it is version 0"):
        models.named("zones", "1")


def test_two_models_of_one_name_are_refused(table: Any, variant: Any) -> None:
    with pytest.raises(ModelLoadFailed, match="two models are called `plant`"):
        table(variant(), variant(missing=True))


def test_no_model_is_refused() -> None:
    with pytest.raises(ModelLoadFailed, match="no model to serve: name at least one model file"):
        ModelTable.load([])


def test_a_model_whose_golden_rows_do_not_agree_is_not_served(table: Any, variant: Any) -> None:
    models = table(variant(), variant(name="wrong", wrong_golden=True))

    with pytest.raises(ModelLoadFailed, match=re.escape("golden row 3 scores 1.5 here and 1.500001 at training")):
        serve(models, ServerSettings(port=0))


def test_how_many_rows_are_scored_at_once_follows_from_what_a_row_costs(table: Any, variant: Any) -> None:
    (served,) = table(variant())

    assert 10 < served.inline_rows < 1_000_000
    assert 10 < served.inline_rows_extra < 1_000_000
