"""Tensors of the Open Inference Protocol: exactly the numbers that were sent, or a sentence."""

import json
import math
import re
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.inference.server.decoding.strict import (
    SCHEMAS,
    numbers,
    rejects,
    schemas,
    separators,
    strict_json,
)

from pynomaly_inference.server.decoding.oip import decode_infer
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

LAYOUTS = {"FP64": "d", "FP32": "f", "FP16": "e", "INT64": "q", "INT32": "i", "INT8": "b", "UINT64": "Q", "BOOL": "?"}


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=2), min_size=1, max_size=5),
    st.sampled_from([b"", b" ", b"       "]),
)
def test_binary_tensors_of_every_datatype_are_the_numbers_that_they_hold(
    datatype: str, matrix: list[list[int]], padding: bytes
) -> None:
    values = [value for row in matrix for value in row]
    data = b"".join(struct.pack("<" + LAYOUTS[datatype], value) for value in values)
    tensor = {
        "name": "X",
        "shape": [len(matrix), 2],
        "datatype": datatype,
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [tensor]}).encode() + padding

    decoded = decode_infer(head + data, len(head), SCHEMAS[1]).rows.numbers

    assert decoded.dtype == np.float64
    assert decoded.flags.aligned
    assert decoded.tolist() == matrix


@given(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1, max_size=4), separators, st.booleans())
def test_json_tensors_are_read_alike_flat_and_nested(matrix: list[list[Any]], spacing: Any, nested: bool) -> None:
    values = [float(value) for row in matrix for value in row]
    data: list[Any] = matrix if nested else [value for row in matrix for value in row]
    tensor = {"name": "X", "shape": [len(matrix), 2], "datatype": "FP64", "data": data}
    body = json.dumps({"id": "7", "inputs": [tensor]}, separators=spacing).encode()

    request = decode_infer(body, None, SCHEMAS[1])

    assert request.rows.numbers.ravel().tolist() == values
    assert request.document.id == "7"


TENSOR: dict[str, Any] = {"name": "X", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}
VALID = json.dumps({"inputs": [TENSOR]}).encode()


@given(st.binary(max_size=80), st.one_of(st.none(), st.integers(0, 90)), schemas)
@example(VALID, len(VALID) + 1, SCHEMAS[1])
@example(VALID + b"12345678", len(VALID), SCHEMAS[1])
@example(b'{"inputs":[{"name":"X","shape":[1,2],"datatype":"FP64","data":[[1,2]]},{"data":[]}]}', None, SCHEMAS[1])
def test_no_bytes_break_the_tensor_decoder(body: bytes, length: int | None, schema: RowSchema) -> None:
    assert rejects(decode_infer, body, length, schema)


@given(st.data(), schemas)
def test_no_edit_of_a_tensor_request_breaks_the_decoder_or_changes_its_numbers(
    data: st.DataObject, schema: RowSchema
) -> None:
    start = data.draw(st.integers(0, len(VALID)))
    end = data.draw(st.integers(start, min(start + 4, len(VALID))))
    body = (
        VALID[:start]
        + data.draw(st.sampled_from([b"", b"0", b"[", b"]", b",", b'"', b"\\", b"data", b"\x00"]))
        + VALID[end:]
    )

    try:
        request = decode_infer(body, None, schema)
    except Rejected:
        return
    document = strict_json(body)
    (tensor,) = document["inputs"]
    assert request.rows.numbers.ravel().tolist() == [float(value) for value in np.ravel(tensor["data"])]
    assert list(request.rows.numbers.shape) == tensor["shape"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"inputs": [TENSOR | {"data": [1, 2, 3]}]}, "the shape [1, 2] asks for 2 values, not 3"),
    ({"inputs": [TENSOR | {"shape": [2, 2], "data": [[1, 2], [2]]}]}, "not every row of `data` has 2 values"),
    ({"inputs": [TENSOR | {"data": [[1, 2], [3, 4]], "shape": [2, 2]}, TENSOR]}, "an input is there twice"),
    ({"inputs": [TENSOR | {"shape": [2]}]}, "`shape` must be [rows, features]"),
    ({"inputs": [TENSOR | {"shape": [2, 1]}]}, "has 1 features; the model takes 2: `a`, `b`"),
    ({"inputs": [TENSOR | {"shape": [0, 2], "data": []}]}, "has no rows"),
    ({"inputs": [TENSOR | {"shape": [1.0, 2]}]}, "`shape` must be"),
    ({"inputs": [TENSOR | {"datatype": "FP128"}]}, "`datatype` must be one of BOOL, UINT8"),
    ({"inputs": [TENSOR | {"datatype": "BYTES", "data": ["1", "2"]}]}, "is BYTES; it takes numbers"),
    ({"inputs": [TENSOR | {"datatype": "INT8", "data": [1, 200]}]}, "row 1: `b` is 200, beyond INT8"),
    ({"inputs": [TENSOR | {"datatype": "INT64", "data": [1, 2.5]}]}, "row 1: `b` is 2.5; it takes INT64"),
    ({"inputs": [TENSOR | {"datatype": "FP32", "data": [1, 1e39]}]}, "row 1: `b` is infinite"),
    ({"inputs": [TENSOR | {"data": [1, "2"]}]}, "row 1: `b` is the text '2'; it takes FP64"),
    ({"inputs": [TENSOR | {"data": [1, None]}]}, "row 1: `b` is missing, and this model takes no missing values"),
    ({"inputs": [TENSOR | {"name": "Y"}]}, "the model takes the inputs `X` alone, not `Y`"),
    ({"inputs": []}, "not none"),
    ({"inputs": [TENSOR | {"parameters": {"binary_data_size": 16}}]}, "has both `data` and `binary_data_size`"),
    ({"inputs": [TENSOR], "outputs": [{}]}, 'an entry of `outputs` must be {"name": NAME}'),
    (
        {"inputs": [TENSOR], "parameters": {"binary_data_output": 1}},
        "`binary_data_output` is 1; it takes true or false",
    ),
    ({"inputs": [TENSOR], "id": 7}, "`id` is 7; it takes text"),
    ({"inputs": {"X": TENSOR}}, "`inputs` is an object; it takes a list of tensors"),
]


@pytest.mark.parametrize(("document", "sentence"), REFUSED)
def test_a_tensor_request_that_cannot_be_scored_says_what_to_change(document: Any, sentence: str) -> None:
    with pytest.raises(Rejected, match=re.escape(sentence)):
        decode_infer(json.dumps(document).encode(), None, SCHEMAS[1])


@pytest.mark.parametrize(
    ("values", "row", "sentence"),
    [([1, 2, 3, math.inf], 2, "`b` is infinite"), ([1, math.nan, 3, 4], 1, "`b` is missing, and this model")],
)
def test_a_binary_number_that_is_not_finite_names_its_row(values: list[float], row: int, sentence: str) -> None:
    data = struct.pack("<4d", *values)
    tensor = {"name": "X", "shape": [2, 2], "datatype": "FP64", "parameters": {"binary_data_size": 32}}
    head = json.dumps({"inputs": [tensor]}).encode()

    with pytest.raises(Rejected, match=sentence) as caught:
        decode_infer(head + data, len(head), SCHEMAS[1])
    assert (caught.value.row, caught.value.feature) == (row, "b")


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4), st.binary(max_size=6))
def test_binary_texts_are_read_exactly_or_refused(levels: list[str], rest: bytes) -> None:
    numeric = struct.pack(f"<{len(levels) * 2}d", *range(len(levels) * 2))
    data = b"".join(struct.pack("<I", len(level.encode())) + level.encode() for level in levels)
    for tail in (b"", rest):
        inputs = [
            {
                "name": "X",
                "shape": [len(levels), 2],
                "datatype": "FP64",
                "parameters": {"binary_data_size": len(numeric)},
            },
            {
                "name": "C",
                "shape": [len(levels), 1],
                "datatype": "BYTES",
                "parameters": {"binary_data_size": len(data + tail)},
            },
        ]
        head = json.dumps({"inputs": inputs}).encode()
        body = head + numeric + data + tail
        if tail:
            assert rejects(decode_infer, body, len(head), SCHEMAS[3])
        else:
            categories = decode_infer(body, len(head), SCHEMAS[3]).rows.categories
            assert categories is not None
            assert categories[:, 0].tolist() == levels
