"""What each kind of file yields, and the sentence for each kind of damage."""

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pynomaly_inference.datasets import blocks
from pynomaly_inference.datasets.formats import SourceFile, source_file
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.errors import DataRejected, SourceUnreachable

Write = Callable[[str, bytes], SourceFile]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(name: str, content: bytes) -> SourceFile:
        (tmp_path / name).write_bytes(content)
        return source_file(tmp_path / name, name)

    return to


def rows(file: SourceFile, *wanted: str) -> list[tuple[object, ...]]:
    read = [batch.frame for batch in batches([file], frozenset(wanted) or None)]
    return pl.concat(read, how="diagonal_relaxed").rows()


def rejection(file: SourceFile) -> str:
    with pytest.raises(DataRejected) as raised:
        rows(file)
    return str(raised.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,x\n2,y\n", [("1", "x"), ("2", "y")]),
        (b"a,b\n1,x\n2,y", [("1", "x"), ("2", "y")]),
        (b"a,b\r\n1,x\r\n2,y\r\n", [("1", "x"), ("2", "y")]),
        (b"\xef\xbb\xbfa,b\n1,x\n", [("1", "x")]),
        (b"\n\na,b\n\n1,x\n\r\n\n2,y\n\n", [("1", "x"), ("2", "y")]),
        (b'a,b\n"1\n2","x, y"\n', [("1\n2", "x, y")]),
        (b'a,b\n"1\n\n2","say ""hi"""\n3,z\n', [("1\n\n2", 'say "hi"'), ("3", "z")]),
        (b'a,b\n,""\n007,#\n', [(None, ""), ("007", "#")]),
        (b'"a","b"\n1,x\n', [("1", "x")]),
        ("a,b\nä,ö\n".encode(), [("ä", "ö")]),
        (b"a,b\n", []),
        (b"a\n1\n\n3\n", [("1",), (None,), ("3",)]),
    ],
)
def test_csv_cells_are_text_and_those_with_nothing_null(write: Write, content: bytes, expected: list[object]) -> None:
    assert rows(write("x.csv", content)) == expected


def test_csv_columns_that_no_one_wants_are_not_read(write: Write) -> None:
    file = write("x.csv", b"a,b,c\n1,2,3\n4,5,6\n")
    assert rows(file, "c", "a") == [("1", "3"), ("4", "6")]
    assert [batch.columns for batch in batches([file], frozenset({"z"}))] == [("a", "b", "c")]
    assert [batch.rows for batch in batches([file], frozenset({"z"}))] == [2]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "`x.csv` is empty: it has not even a header"),
        (b"\n \n"[:1], "`x.csv` is empty: it has not even a header"),
        (b"a,b,a\n1,2,3\n", "`x.csv` has several columns named `a`: give each its own name"),
        (b"a;b\n1;2\n", "`x.csv` is separated by semicolons: separate its cells by commas"),
        (b"a\tb\n1\t2\n", "`x.csv` is separated by tabs: separate its cells by commas"),
        (b"a,b\n1,2\n3\n", "row 2 of `x.csv` has 1 cells where the header has 2"),
        (b"a,b\n1,2\n\n3,4\n5,6,7\n", "row 3 of `x.csv` has 3 cells where the header has 2"),
        (b'a,b\n"1\n2",2\n3\n', "row 2 of `x.csv` has 1 cells where the header has 2"),
        (b"a,b\n1,2\n3,\xff\n", "row 2 of `x.csv` is not UTF-8 text: save the file as UTF-8"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00", "the header of `x.csv` is not UTF-8 text: save the file as UTF-8"),
        (b'"a,b\n1,2\n', "the header of `x.csv` cannot be read: unexpected end of data"),
    ],
)
def test_csv_damage_has_its_sentence(write: Write, content: bytes, sentence: str) -> None:
    assert rejection(write("x.csv", content)) == sentence


@pytest.mark.parametrize(
    "content",
    [
        b'a,b\n1,2\n3,"4\n5,6\n',
        b'a,b\n1,2\n3,4"5\n6,7\n',
        b'a,b\n1,2\n3,"4"5\n6,7\n',
        b'a,b\n1,2\n,"""',
        b'a,b\n1,2\n,""a""\n',
        b'a,b\n1,2\n3,5" x 6"\n',
    ],
)
def test_a_stray_quote_is_named_with_its_row(write: Write, content: bytes) -> None:
    assert rejection(write("x.csv", content)).startswith(
        "row 2 of `x.csv` has a quote that is never closed, or inside a cell: quote the whole cell"
    )


def test_csv_rows_are_named_across_blocks(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 64)
    lines = [f'{index},"x\n{index}"\n'.encode() for index in range(1, 501)]
    assert len(rows(write("x.csv", b"a,b\n" + b"".join(lines)))) == 500
    lines[321] = b"short\n"
    assert rejection(write("x.csv", b"a,b\n" + b"".join(lines))).startswith("row 322 of `x.csv` has 1 cells")


@pytest.mark.parametrize(("name", "start"), [("x.csv", b'a,b\n1,2\n3,"'), ("x.ndjson", b'{"a":"')])
def test_a_record_without_an_end_does_not_fill_the_memory(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, start: bytes
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1 << 10)
    monkeypatch.setattr(blocks, "LONGEST_RECORD", 1 << 20)
    assert "row " in rejection(write(name, start + b"x" * (2 << 20)))


def test_ndjson_keys_are_columns_and_absent_keys_null(write: Write) -> None:
    content = b'\xef\xbb\xbf{"a":1,"b":"x"}\n\n{"a":2.5}\r\n{"b":null,"c":true}'
    assert rows(write("x.ndjson", content)) == [(1.0, "x", None), (2.5, None, None), (None, None, True)]


def test_an_empty_ndjson_file_yields_nothing(write: Write) -> None:
    assert list(batches([write("x.ndjson", b" \n\n")], None)) == []


def test_ndjson_values_may_change_their_type_from_block_to_block(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 64)
    lines = [b'{"a":1,"b":2}\n'] * 20 + [b'{"a":1.5,"b":"x"}\n'] * 20 + [b'{"a":3}\n'] * 20
    file = write("x.ndjson", b"".join(lines))
    for wanted in (("a", "b"), ()):
        read = rows(file, *wanted)
        assert [row[0] for row in read] == [1] * 20 + [1.5] * 20 + [3] * 20
        assert [row[1] for row in read] == ["2"] * 20 + ["x"] * 20 + [None] * 20


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"a":1}\n{"a":\n', "row 2 is not valid JSON: Expecting value: line 1 column 6 (char 5)"),
        (b'{"a":1}\n[1]\n', "row 2 is not a JSON object: write one object a line"),
        (b'{"a":1}\n{"a":NaN}\n', "row 2 is not valid JSON: `NaN` is not JSON, write null for a missing value"),
        (b'{"a":1}\n{"a":"\xff"}\n', "row 2 is not UTF-8 text: save the file as UTF-8"),
        (b'{"a":1}\n{"a":1e400}\n', "column `a` is infinite in row 2: remove the row or the value"),
        (b'{"a":1}\n{"a":true}\n', "column `a` mixes numbers and booleans (`True` in row 2): write one"),
    ],
)
def test_ndjson_damage_has_its_sentence(write: Write, content: bytes, sentence: str) -> None:
    assert rejection(write("x.ndjson", content)) == f"`x.ndjson` cannot be read: {sentence}"


def parquet(**columns: list[object]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def test_parquet_columns_keep_their_types(write: Write) -> None:
    file = write("x.parquet", parquet(a=[1, None], b=["x", "y"], c=[[1], [2]]))
    assert rows(file, "a", "b") == [(1, "x"), (None, "y")]


def test_parquet_without_rows_declares_its_columns(write: Write) -> None:
    assert [batch.columns for batch in batches([write("x.parquet", parquet(a=[], b=[]))], None)] == [("a", "b")]


def test_parquet_with_two_columns_of_one_name_is_rejected(tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "x.parquet")
    file = source_file(tmp_path / "x.parquet", "x.parquet")
    assert rejection(file) == "`x.parquet` has several columns of one name: give each its own name"


@pytest.mark.parametrize("cut", [0, 10, -1, -20, -200])
def test_parquet_that_is_cut_off_is_rejected(write: Write, cut: int) -> None:
    content = parquet(a=list(range(1000)))[:cut]
    assert rejection(write("x.parquet", content)) == "`x.parquet` is damaged, cut off, or is no parquet file"


def test_parquet_whose_pages_are_damaged_is_rejected(write: Write) -> None:
    content = bytearray(parquet(a=list(range(1000))))
    content[4:400] = os.urandom(396)
    assert rejection(write("x.parquet", bytes(content))) == "`x.parquet` is damaged, cut off, or is no parquet file"


COMPRESS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}
CONTENT = {"x.csv": b"a,b\n" + b"1,x\n" * 5000, "x.ndjson": b'{"a":1}\n' * 5000, "x.parquet": parquet(a=[1] * 5000)}
CONTENT["x.json"] = b"[" + b",".join([b'{"a":1}'] * 5000) + b"]"


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", CONTENT)
def test_a_compressed_file_reads_as_the_file_in_it(write: Write, name: str, suffix: str) -> None:
    packed = write(name + suffix, COMPRESS[suffix](CONTENT[name]))
    assert rows(packed) == rows(write(name, CONTENT[name]))


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", CONTENT)
def test_several_compressed_parts_in_one_file_are_all_read(write: Write, name: str, suffix: str) -> None:
    content, pack = CONTENT[name], COMPRESS[suffix]
    packed = write(name + suffix, pack(content[:3000]) + pack(content[3000:]))
    assert rows(packed) == rows(write(name, content))


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", CONTENT)
def test_a_compressed_file_that_is_cut_off_is_rejected(write: Write, name: str, suffix: str) -> None:
    packed = write(name + suffix, COMPRESS[suffix](os.urandom(1000) + CONTENT[name])[:-5])
    assert rejection(packed) == f"`{name}{suffix}` ends too early: it was cut off"


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", CONTENT)
def test_a_compressed_file_that_is_damaged_is_rejected(write: Write, name: str, suffix: str) -> None:
    sentence = f"`{name}{suffix}` is damaged, or is no {suffix} file"
    assert rejection(write(name + suffix, CONTENT[name])) == sentence
    packed = bytearray(COMPRESS[suffix](os.urandom(100_000)))
    packed[:1] = b"\x00"
    assert rejection(write(name + suffix, bytes(packed))) == sentence


def test_rows_and_files_are_counted_over_all_files(write: Write) -> None:
    files = [write("a.csv", b"a\n1\n2\n"), write("b.ndjson", b'{"a":3}\n'), write("c.parquet", parquet(a=[4, 5]))]
    read = list(batches(files, None))
    assert [batch.place.row(0) for batch in read] == [
        "row 1 (in `a.csv`)",
        "row 3 (in `b.ndjson`)",
        "row 4 (in `c.parquet`)",
    ]
    fractions = [batch.fraction for batch in read]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)


def test_a_file_that_vanished_is_unreachable(write: Write) -> None:
    file = write("a.csv", b"a\n1\n")
    file.path.unlink()
    with pytest.raises(SourceUnreachable, match=r"cannot read `a.csv`: No such file or directory"):
        rows(file)
