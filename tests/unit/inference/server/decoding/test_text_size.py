"""How many rows a text may hold, before it is parsed."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_inference.server.decoding.text_size import check_json, check_lines
from pynomaly_inference.server.rejected import Rejected

values = st.one_of(st.integers(), st.text(alphabet='[{"\\}]a\n', max_size=6))


@given(st.lists(st.lists(values, max_size=3), max_size=6), st.booleans())
def test_no_document_of_so_many_rows_is_refused(rows: list[list[object]], ascii_only: bool) -> None:
    check_json(json.dumps({"rows": rows}, ensure_ascii=ascii_only).encode(), len(rows))
    check_json(json.dumps({"records": [{"a": row[0]} if row else {} for row in rows]}).encode(), len(rows))
    lines = "\n\n".join(json.dumps(row) for row in rows)
    check_json(lines.encode(), len(rows))
    check_lines(lines.encode(), len(rows))


@given(st.integers(1, 9))
def test_documents_of_many_more_rows_are_refused(most: int) -> None:
    for body in (json.dumps({"rows": [[1]] * (most + 1)}), json.dumps({"records": [{"a": "[["}] * (most + 1)})):
        with pytest.raises(Rejected, match=f"the request has more than {most} rows"):
            check_json(body.encode(), most)
    with pytest.raises(Rejected, match=f"the request has more than {most} rows"):
        check_lines(b"1\n" * (2 * most + 3), most)


@pytest.mark.parametrize("strings", [b'"' + b'\\"' * 2_000_000, b'"' * 4_000_001, b'"[' * 2_000_000, b"\\" * 4_000_000])
def test_strings_that_do_not_end_cost_no_more_than_others(strings: bytes) -> None:
    start = time.process_time()

    with pytest.raises(Rejected):
        check_json(b"[" * 2000 + strings, 1000)

    assert time.process_time() - start < 3
