"""What a JSON array yields, and the sentence for each kind of damage."""

import json
from pathlib import Path

import polars as pl
import pytest

from pynomaly_inference.datasets import blocks
from pynomaly_inference.datasets.batch import Batch
from pynomaly_inference.datasets.formats import source_file
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.errors import DataRejected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, content: bytes) -> list[Batch]:
    (folder / "x.json").write_bytes(content)
    return list(batches([source_file(folder / "x.json", "x.json")], None))


def rows(folder: Path, content: bytes) -> list[tuple[object, ...]]:
    return pl.concat([batch.frame for batch in read(folder, content)], how="diagonal_relaxed").rows()


def rejection(folder: Path, content: bytes) -> str:
    with pytest.raises(DataRejected) as raised:
        read(folder, content)
    return str(raised.value).removeprefix("`x.json` cannot be read: ")


def test_keys_are_columns_and_absent_keys_null(folder: Path) -> None:
    content = b'\xef\xbb\xbf [{"a":1,\n"b":"x, ]"},\r\n\t{"a" : 2.5}\n,{"b":null,"c":true}] \n'
    assert rows(folder, content) == [(1.0, "x, ]", None), (2.5, None, None), (None, None, True)]


def test_an_empty_array_yields_nothing(folder: Path) -> None:
    assert read(folder, b" [\n] ") == []


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_where_the_content_is_cut_into_blocks_does_not_matter(
    folder: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    objects = [{"a": index, "b": "é" * (index % 70), "c": f'{{"[{index},'} for index in range(200)]
    monkeypatch.setattr("pynomaly_inference.datasets.streams._READ", block)
    monkeypatch.setattr(blocks, "BLOCK", block)
    content = json.dumps(objects, ensure_ascii=False, indent=1).encode()
    assert rows(folder, content) == [tuple(cells.values()) for cells in objects]
    assert len(read(folder, content)) > 10


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty: write an array of objects, `[]` where there is none"),
        (b'{"a":1}', "it is no array of objects: write `[{…}, {…}]`, or name a file with one object a line .ndjson"),
        (b"[1]", "row 1 is not a JSON object: write an array of objects"),
        (b'[{"a":1} {"a":2}]', "row 1 is followed by neither a comma nor the end of the array"),
        (b'[{"a":1},', "it ends before its array does: it was cut off"),
        (b'[{"a":1},{"a":', "row 2 is not valid JSON: Expecting value (character 6 of the object)"),
        (b'[{"a":1},]', "row 2 is not valid JSON: Expecting value (character 1 of the object)"),
        (b'[{"a":1},{"a":NaN}]', "row 2 is not valid JSON: `NaN` is not JSON, write null for a missing value"),
        (b'[{"a":1}]x', "it goes on after its array"),
        (b'[{"a":1},{"a":true}]', "column `a` mixes numbers and booleans (`True` in row 2): write one"),
        (b'[{"a":"\xff"}]', "it is not UTF-8 text: save the file as UTF-8"),
        (b'[{"a":' + b"[" * 100_000, "row 1 is nested too deeply"),
    ],
)
def test_damage_has_its_sentence(folder: Path, content: bytes, sentence: str) -> None:
    assert rejection(folder, content) == sentence


def test_an_object_without_an_end_is_not_read_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1 << 10)
    monkeypatch.setattr(blocks, "LONGEST_RECORD", 1 << 20)
    sentence = "row 2 is not valid JSON: Unterminated string starting at (character 2 of the object)"
    assert rejection(folder, b'[{"a":1},{"' + b"x" * (3 << 20)) == sentence
