"""Writes what the declarations say: `capabilities.json` for programs, `docs/detectors.md` for readers.

    python -m pynomaly_inference.convert.capabilities

A test fails when either differs from the declarations.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pynomaly_inference.bundle import RELATIVE_TOLERANCE, Semantics
from pynomaly_inference.convert.composites import weakest
from pynomaly_inference.convert.declaration import Composite, Declaration
from pynomaly_inference.convert.discovery import declaration_of, declarations
from pynomaly_inference.convert.refused import REFUSED, REFUSED_METRICS, REFUSED_PARAMETERS, Refused

PACKAGE = Path(__file__).parents[1]
CAPABILITIES = PACKAGE / "capabilities.json"
DOCUMENT = PACKAGE.parents[1] / "docs" / "detectors.md"

AS_ITS_BASES = "as its bases"
"""In place of the semantics of a detector that is made of detectors, of which a resource chooses any."""

_MEANINGS = {
    Semantics.EXACT: "scores equal PyOD's `decision_function` of the same rows",
    Semantics.ROW: "scores equal PyOD's `decision_function` of each row alone; in PyOD, the other rows of a batch "
    "change a row's score",
    Semantics.FROZEN: "a statistic that PyOD takes from the batch, or noise that it draws, is fixed at training",
}


def capabilities_json(declared: Iterable[Declaration]) -> str:
    """The text of `capabilities.json`: one object a detector, these and the refused ones, by name."""
    declared = list(declared)
    entries = [*(_served(one) for one in declared), *(_refused(one) for one in _refused_beside(declared))]
    entries.sort(key=lambda entry: str(entry["name"]))
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _served(one: Declaration) -> dict[str, Any]:
    return {
        "name": one.name,
        "semantics": _semantics(one),
        "explains": one.contributions is not None,
        "extra": one.extra,
        "reason": None,
        "parameters": one.parameters_schema,
        "reads_label": one.reads_label,
        "only_columns": one.only_columns,
        "told_columns": one.told_columns,
        "draws": one.draws,
        "narrows": None if one.composite is None else one.composite.narrows,
        "same_length": one.same_length,
    }


def _semantics(one: Declaration) -> str:
    return one.semantics.value if one.composite is None else AS_ITS_BASES


def _refused(one: Refused) -> dict[str, Any]:
    return {
        "name": one.name,
        "semantics": "refused",
        "explains": False,
        "extra": None,
        "reason": one.reason,
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "reads_label": False,
        "only_columns": None,
        "told_columns": False,
        "draws": False,
        "narrows": None,
        "same_length": None,
    }


def _refused_beside(declared: Iterable[Declaration]) -> list[Refused]:
    """The refused classes but those whose name is that of a served one, in another module."""
    names = {one.name for one in declared}
    return sorted((one for one in REFUSED if one.name not in names), key=lambda one: one.name)


def detectors_document(declared: Iterable[Declaration]) -> str:
    """The text of `docs/detectors.md`."""
    declared = list(declared)
    sections = (line for one in declared for line in _section(one))
    return "\n".join([*_overview(declared), *sections, *_refusals(declared)]) + "\n"


def _overview(declared: list[Declaration]) -> Iterator[str]:
    yield "# Detectors"
    yield ""
    yield "Generated from the declarations in `pynomaly_inference/convert/detectors/` by"
    yield "`python -m pynomaly_inference.convert.capabilities`; do not edit."
    yield ""
    yield "| detector | semantics | contributions | keeps training rows | extra |"
    yield "|---|---|---|---|---|"
    for one in declared:
        explains = "yes" if one.contributions else "no"
        keeps = "yes" if one.keeps_training_rows else "no"
        if one.composite is not None:
            keeps = AS_ITS_BASES
        cells = (f"[{one.name}](#{one.name.lower()})", _semantics(one), explains, keeps, one.extra or "none")
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "Semantics:"
    yield ""
    yield from (f"- **{semantics}**: {meaning}." for semantics, meaning in _MEANINGS.items())
    yield ""
    yield "Equal means |graph - PyOD| <= 1e-9 max(|PyOD|, median |training score|), proven when the model is made."
    yield "Contributions of a category's one-hot columns are summed into the category."
    yield ""
    yield "Extras are installed with `pip install 'pynomaly-operator[EXTRA]'`. A detector made of detectors needs its"
    yield "bases' extras too; its semantics is the weakest of theirs, and it keeps training rows when one of them does."


def _section(one: Declaration) -> Iterator[str]:
    yield ""
    yield f"## {one.name}"
    yield ""
    yield f"`{one.path}`, {_semantics(one)}."
    yield from _exceptions(one)
    if one.composite is not None and one.composite.default:
        yield _of_default_bases(one.composite)
    if one.only_columns is not None:
        yield f"It takes {one.only_columns} feature{'s' if one.only_columns > 1 else ''}, no more and no fewer."
    if one.reads_label:
        yield "It learns from `training.source.label`, which a resource must name."
    if one.keeps_training_rows:
        yield "The model file contains training rows."
    yield ""
    yield f"Contributions: {one.contributions or 'none.'}"
    yield ""
    if not one.parameters:
        yield "No parameters."
        return
    yield "| parameter | values | meaning |"
    yield "|---|---|---|"
    for name, schema in sorted(one.parameters.items()):
        yield f"| `{name}` | {_values(schema)} | {schema['description']} |"


def _exceptions(one: Declaration) -> Iterator[str]:
    """Where it is not PyOD's score to 1e-9, and the test that shows the cause."""
    told = []
    if one.reference is not None:
        told.append(f"Proven against {one.reference.words}.")
    if one.tolerance != RELATIVE_TOLERANCE:
        told.append(f"Equal to {one.tolerance:g} instead of {RELATIVE_TOLERANCE:g}: PyOD's own is in single precision.")
    if one.rounding is not None:
        told.append(f"Beside the tolerance, what rounding may do to the sum of its terms: {one.rounding.words}.")
    if told:
        told.append(f"The cause is shown by `{shown_by(one)}`.")
    yield from told


def shown_by(one: Declaration) -> str:
    """The test file, from the root of the repository, that shows why a detector's score is not PyOD's to 1e-9."""
    if one.extra == "torch":
        return "tests/torch/test_single_precision.py"
    return f"tests/unit/inference/convert/detectors/test_{one.convert.__module__.rpartition('.')[2]}.py"


def _of_default_bases(composite: Composite) -> str:
    bases = [declaration_of(name) for name in composite.default]
    names = ", ".join([*composite.default, *(f"regressors in place of {name}" for name in composite.replaced)])
    keeps = "training rows" if any(base.keeps_training_rows for base in bases) else "no training rows"
    return (
        f"With its default bases ({names}) it is {weakest(base.semantics for base in bases)} and the model "
        f"file contains {keeps}."
    )


def _refusals(declared: Iterable[Declaration]) -> Iterator[str]:
    yield ""
    yield "## Refused"
    yield ""
    yield "What has no graph that says what PyOD says. A resource that asks for it is told this reason."
    yield ""
    yield "| what | reason |"
    yield "|---|---|"
    yield from (f"| {one.name} | {one.reason} |" for one in _refused_beside(declared))
    yield from (f"| {what} | {reason} |" for what, reason in REFUSED_PARAMETERS.items())
    for name, reason in REFUSED_METRICS.items():
        yield f"| the metric `{name}`, where a detector does not list it | {reason} |"


def _values(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "detector":
        return "`{name, parameters}`"
    if schema.get("type") == "array":
        return f"a list of {_values(schema['items'])}"
    if "anyOf" in schema:
        return ", or ".join(_values(choice) for choice in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    return " ".join([schema["type"], *bounds])


def main() -> None:
    """Rewrites both files of this checkout."""
    declared = declarations()
    CAPABILITIES.write_text(capabilities_json(declared), "utf-8")
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(detectors_document(declared), "utf-8")


if __name__ == "__main__":
    main()
