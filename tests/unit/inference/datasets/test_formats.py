import pytest

from pynomaly_inference.datasets.formats import Compression, Format, Kind, format_from_content_type, format_from_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", Format(Kind.CSV)),
        ("A.CSV", Format(Kind.CSV)),
        ("a.b.parquet", Format(Kind.PARQUET)),
        ("a.jsonl", Format(Kind.NDJSON)),
        ("a.ndjson.gz", Format(Kind.NDJSON, Compression.GZIP)),
        ("a.csv.zst", Format(Kind.CSV, Compression.ZSTD)),
        ("a.parquet.gz", Format(Kind.PARQUET, Compression.GZIP)),
        ("a.gz", None),
        ("a.json.gz", Format(Kind.JSON, Compression.GZIP)),
        ("a.xlsx", Format(Kind.XLSX)),
        ("a.xls", None),
        ("a.csv.gz.gz", None),
        ("csv", None),
        ("", None),
    ],
)
def test_the_suffixes_say_the_format(name: str, expected: Format | None) -> None:
    assert format_from_name(name) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/csv; charset=utf-8", Format(Kind.CSV)),
        ("Application/X-NDJSON", Format(Kind.NDJSON)),
        ("application/vnd.apache.parquet", Format(Kind.PARQUET)),
        ("application/json", Format(Kind.JSON)),
        ("text/html", None),
        ("", None),
    ],
)
def test_the_content_type_says_the_format(value: str, expected: Format | None) -> None:
    assert format_from_content_type(value) == expected
