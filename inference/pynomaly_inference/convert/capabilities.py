"""Writes what the declarations say: `capabilities.json` for programs, `docs/detectors.md` for readers.

    python -m pynomaly_inference.convert.capabilities

A test fails when either differs from the declarations.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Declaration
from pynomaly_inference.convert.discovery import declarations

PACKAGE = Path(__file__).parents[1]
CAPABILITIES = PACKAGE / "capabilities.json"
DOCUMENT = PACKAGE.parents[1] / "docs" / "detectors.md"

_MEANINGS = {
    Semantics.EXACT: "scores equal PyOD's `decision_function` of the same rows",
    Semantics.ROW: "scores equal PyOD's `decision_function` of each row alone; in PyOD, the other rows of a batch "
    "change a row's score",
    Semantics.FROZEN: "a statistic that PyOD takes from the batch, or noise that it draws, is fixed at training",
}


def capabilities_json(declared: Iterable[Declaration]) -> str:
    """The text of `capabilities.json`: one object a detector, in the given order."""
    entries = [
        {
            "name": declaration.name,
            "semantics": declaration.semantics.value,
            "explains": declaration.contributions is not None,
            "extra": declaration.extra,
            "reason": None,
            "parameters": declaration.parameters_schema,
            "only_columns": declaration.only_columns,
        }
        for declaration in declared
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def detectors_document(declared: Iterable[Declaration]) -> str:
    """The text of `docs/detectors.md`."""
    declared = list(declared)
    return "\n".join([*_overview(declared), *(line for one in declared for line in _section(one))]) + "\n"


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
        yield f"| [{one.name}](#{one.name.lower()}) | {one.semantics} | {explains} | {keeps} | {one.extra or 'none'} |"
    yield ""
    yield "Semantics:"
    yield ""
    yield from (f"- **{semantics}**: {meaning}." for semantics, meaning in _MEANINGS.items())
    yield ""
    yield "Equal means |graph - PyOD| <= 1e-9 max(|PyOD|, median |training score|), proven when the model is made."
    yield "Contributions of a category's one-hot columns are summed into the category."


def _section(one: Declaration) -> Iterator[str]:
    yield ""
    yield f"## {one.name}"
    yield ""
    yield f"`{one.path}`, {one.semantics}."
    if one.reference is not None:
        yield f"Proven against {one.reference.words}."
    if one.only_columns is not None:
        yield f"It takes {one.only_columns} feature{'s' if one.only_columns > 1 else ''}, no more and no fewer."
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


def _values(schema: Mapping[str, Any]) -> str:
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
