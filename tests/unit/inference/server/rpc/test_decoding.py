"""Messages of the gRPC service: exactly the numbers and texts that were sent, or a sentence."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inference.server.decoding.strict import SCHEMAS, rejects

from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.rpc.decoding import decode_message, parse_message
from pynomaly_inference.server.rpc.open_inference_pb2 import InferTensorContents, ModelInferRequest

_PAIR, _MIXED = SCHEMAS[1], SCHEMAS[4]
_LISTS = {
    "BOOL": ("bool_contents", "?"), "UINT8": ("uint_contents", "u1"), "UINT16": ("uint_contents", "<u2"),
    "UINT32": ("uint_contents", "<u4"), "UINT64": ("uint64_contents", "<u8"), "INT8": ("int_contents", "i1"),
    "INT16": ("int_contents", "<i2"), "INT32": ("int_contents", "<i4"), "INT64": ("int64_contents", "<i8"),
    "FP32": ("fp32_contents", "<f4"), "FP64": ("fp64_contents", "<f8"),
}  # fmt: skip
_Input = ModelInferRequest.InferInputTensor


def typed(name: str, datatype: str, shape: Any, **contents: Any) -> Any:
    return _Input(name=name, datatype=datatype, shape=shape, contents=InferTensorContents(**contents))


def elements(datatype: str) -> st.SearchStrategy[Any]:
    """What this datatype holds, and float64 exactly."""
    kind = np.dtype(_LISTS[datatype][1])
    if kind.kind == "b":
        return st.booleans()
    if kind.kind == "f":
        return st.floats(allow_nan=False, allow_infinity=False, width=32 if kind.itemsize == 4 else 64)
    limits = np.iinfo(kind)
    return st.integers(max(limits.min, -(2**53)), min(limits.max, 2**53))


@given(st.data(), st.sampled_from(sorted(_LISTS)), st.integers(1, 5))
def test_typed_and_raw_tensors_are_the_numbers_that_they_hold(data: st.DataObject, datatype: str, rows: int) -> None:
    values = data.draw(st.lists(elements(datatype), min_size=2 * rows, max_size=2 * rows))
    field, layout = _LISTS[datatype]
    listed = ModelInferRequest(inputs=[typed("X", datatype, [rows, 2], **{field: values})])
    packed = ModelInferRequest(
        inputs=[_Input(name="X", datatype=datatype, shape=[rows, 2])],
        raw_input_contents=[np.array(values, layout).tobytes()],
    )

    for message in (listed, packed):
        decoded = decode_message(parse_message(message.SerializeToString()), _PAIR).rows.numbers
        assert decoded.ravel().tolist() == [float(value) for value in values]


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_texts_are_those_that_were_sent_typed_or_raw(texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    numbers = np.arange(len(texts), dtype=np.float64)
    listed = ModelInferRequest(
        inputs=[
            typed("C", "BYTES", [len(texts), 1], bytes_contents=encoded),
            typed("X", "FP64", [len(texts), 1], fp64_contents=numbers.tolist()),
        ]
    )
    packed = ModelInferRequest(
        inputs=[
            _Input(name="X", datatype="FP64", shape=[len(texts), 1]),
            _Input(name="C", datatype="BYTES", shape=[len(texts), 1]),
        ],
        raw_input_contents=[
            numbers.tobytes(), b"".join(len(text).to_bytes(4, "little") + text for text in encoded)
        ],
    )  # fmt: skip

    for message in (listed, packed):
        rows = decode_message(message, _MIXED).rows
        assert rows.categories is not None
        assert rows.categories.ravel().tolist() == texts
        assert rows.numbers.ravel().tolist() == numbers.tolist()


@given(st.binary(max_size=200))
def test_no_bytes_bring_about_another_error_than_a_refusal(body: bytes) -> None:
    try:
        message = parse_message(body)
    except Rejected as rejected:
        assert rejected.status == 400  # noqa: PT017 - most bytes are a message, of unknown fields
    else:
        assert rejects(decode_message, message, _PAIR)


@given(
    st.sampled_from([*_LISTS, "FP16", "BF16", "BYTES", "FP128", ""]),
    st.lists(st.integers(-1, 3), max_size=3),
    st.sampled_from(["X", "C", ""]),
    st.dictionaries(st.sampled_from([field for field, _ in _LISTS.values()]), st.lists(st.integers(0, 1)), max_size=2),
    st.lists(st.binary(max_size=20), max_size=2),
)
def test_messages_that_do_not_add_up_are_refused(
    datatype: str, shape: list[int], name: str, lists: dict[str, list[int]], raw: list[bytes]
) -> None:
    made = {field: [bool(value) for value in values] if "bool" in field else values for field, values in lists.items()}
    message = ModelInferRequest(inputs=[typed(name, datatype, shape, **made)], raw_input_contents=raw)
    fits = shape[1:] == [2] and shape[0] > 0 and name == "X" and not raw and datatype in _LISTS
    whole = fits and {field: len(values) for field, values in lists.items() if values} == {
        _LISTS[datatype][0]: 2 * shape[0]
    }

    assert rejects(decode_message, message, _PAIR) is not whole


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            ModelInferRequest(inputs=[typed("X", "INT8", [1, 2], int_contents=[1, 300])]),
            "input `X` has an element beyond INT8",
        ),
        (
            ModelInferRequest(inputs=[typed("X", "FP32", [1, 2], fp64_contents=[1, 2])]),
            "input `X` is FP32 and has `fp64_contents`: its list is `fp32_contents`",
        ),
        (
            ModelInferRequest(inputs=[typed("X", "FP16", [1, 2])]),
            "input `X`: FP16 is sent in `raw_input_contents` only",
        ),
        (
            ModelInferRequest(inputs=[typed("X", "FP64", [1, 2], fp64_contents=[1, 2])], raw_input_contents=[b""]),
            "input `X` has `contents` beside `raw_input_contents`: send one of them",
        ),
        (
            ModelInferRequest(inputs=[_Input(name="X", datatype="FP64", shape=[1, 2])], raw_input_contents=[b"", b""]),
            "`raw_input_contents` has 2 entries for 1 inputs: one is for each",
        ),
        (
            ModelInferRequest(inputs=[_Input(name="X", datatype="FP64", shape=[1, 2])], raw_input_contents=[b"1234"]),
            "input `X`: [1, 2] of FP64 are 16 bytes, not 4",
        ),
    ],
)
def test_a_refusal_names_what_is_wrong(message: ModelInferRequest, sentence: str) -> None:
    with pytest.raises(Rejected) as refused:
        decode_message(message, _PAIR)

    assert refused.value.detail == sentence
