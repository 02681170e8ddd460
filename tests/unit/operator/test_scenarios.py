"""docs/reliability.md says which test proves what: those tests exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "reliability.md"
NUMBERS = range(1, 33)
PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")
UNPROVEN = "not here:"


def _rows() -> list[tuple[int, str]]:
    """Number and last cell of each row of the table of scenarios."""
    _, _, section = DOCUMENT.read_text("utf-8").partition("\n## Scenarios\n")
    section = section.partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [(int(number), proof) for number, _, proof in rows[2:]]


@cache
def _tests(path: str) -> frozenset[str]:
    """The tests in a file below tests/."""
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    named = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in named if name.startswith("test_"))


PROOFS = sorted({proof for _, cell in _rows() for proof in PROOF.findall(cell)})


def test_each_of_the_scenarios_is_told_of() -> None:
    assert sorted({number for number, _ in _rows()}) == list(NUMBERS)


@pytest.mark.parametrize(("number", "cell"), _rows())
def test_a_scenario_has_a_proof_or_the_reason_why_there_is_none(number: int, cell: str) -> None:
    proofs, is_left_out = PROOF.findall(cell), cell.startswith(UNPROVEN)

    assert proofs or is_left_out, f"scenario {number}: {cell}"
    assert cell.count("::") == len(proofs), f"scenario {number} has a reference that cannot be read: {cell}"


@pytest.mark.parametrize(("path", "name"), PROOFS)
def test_a_test_that_is_named_as_a_proof_exists(path: str, name: str) -> None:
    assert name in _tests(path)
