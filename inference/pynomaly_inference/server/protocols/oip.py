"""`POST /v2/models/{name}[/versions/{version}]/infer`: the Open Inference Protocol, JSON and binary tensors.

Source: Open Inference Protocol v2, "Inference"; Triton's binary tensor data extension.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any, NamedTuple

import orjson
from numpy.typing import NDArray

from pynomaly_inference.scoring.model import CONTRIBUTIONS, OUTPUTS, UNIFY, Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.oip import RequestedOutput, decode_infer
from pynomaly_inference.server.http import JSON, Head, Reply
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ModelTable, ServedModel

DISTRIBUTION = "pynomaly-operator"
HEADER_LENGTH = b"inference-header-content-length"
_BINARY = b"application/octet-stream"
_TAKEN = frozenset({JSON, _BINARY})
_FIELDS = {
    "score": "scores",
    "label": "labels",
    "probability": "probabilities",
    UNIFY: "unified",
    CONTRIBUTIONS: "contributions",
}
"""Outputs of the graph that the protocol offers, and where `Scored` holds them."""
DATATYPES = {name: "INT64" if name == "label" else "FP64" for name in _FIELDS}
_ELEMENT_BYTES = 8


class Selection(NamedTuple):
    """The outputs of an answer, in its order."""

    outputs: tuple[RequestedOutput, ...]
    explain: bool
    unify: bool
    all_binary: bool


NOTHING = Selection((), explain=False, unify=False, all_binary=False)


@dataclass(slots=True)
class InferCall(Call):
    """header_length: the size of the JSON document when binary tensors follow it."""

    header_length: int | None = None
    id: str | None = None
    selection: Selection = NOTHING

    def decode(self, body: bytes) -> Rows:
        """The rows of the body; raises Rejected."""
        request = decode_infer(body, self.header_length, self.served.schema)
        document = request.document
        self.id = document.id
        self.threshold = document.threshold
        self.selection = select(document.outputs, document.binary, self.served.model.outputs)
        _, self.explain, self.unify, _ = self.selection
        return request.rows

    def reply(self, scored: Scored) -> Reply:
        """The outputs in the order in which they were asked for."""
        id_ = b"" if self.id is None else b'"id":%b,' % orjson.dumps(self.id)
        own = b"" if self.threshold is None else b'"parameters":{"threshold":%b},' % orjson.dumps(self.threshold)
        opening = b'{%b,%b%b"outputs":[' % (self.served.oip_identity, id_, own)
        outputs = self.selection.outputs
        values = list(values_of(scored, self.selection).values())
        if not self.selection.all_binary:
            return _mixed(opening, outputs, values)
        head = opening + _binary_entries(outputs, len(scored.scores), self.served.schema.width)
        lengths = ((HEADER_LENGTH, b"%d" % len(head)),)
        return Reply(200, _BINARY, b"".join([head, *[each.tobytes() for each in values]]), lengths)


def values_of(scored: Scored, selection: Selection) -> dict[str, NDArray[Any]]:
    """The selected outputs by name, in the answer's order."""
    return {output.name: getattr(scored, _FIELDS[output.name]) for output in selection.outputs}


@lru_cache(maxsize=256)
def _binary_entries(outputs: tuple[RequestedOutput, ...], rows: int, width: int) -> bytes:
    """The rest of the document when every output is binary: it depends on their shapes alone."""
    shapes = [(rows, width) if output.name == CONTRIBUTIONS else (rows,) for output in outputs]
    entries = [_entry(output.name, shape, None) for output, shape in zip(outputs, shapes, strict=True)]
    return b",".join(entries) + b"]}"


def _mixed(opening: bytes, outputs: tuple[RequestedOutput, ...], values: list[NDArray[Any]]) -> Reply:
    entries, tails = [], []
    for output, each in zip(outputs, values, strict=True):
        if output.binary:
            tails.append(each.tobytes())
        data = None if output.binary else orjson.dumps(each.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)
        entries.append(_entry(output.name, each.shape, data))
    head = opening + b",".join(entries) + b"]}"
    if not tails:
        return Reply(200, JSON, head)
    return Reply(200, _BINARY, b"".join([head, *tails]), ((HEADER_LENGTH, b"%d" % len(head)),))


def _entry(name: str, shape: tuple[int, ...], data: bytes | None) -> bytes:
    count = shape[0] if len(shape) == 1 else shape[0] * shape[1]
    rest = b'"parameters":{"binary_data_size":%d}' % (count * _ELEMENT_BYTES) if data is None else b'"data":' + data
    sizes = b",".join([b"%d" % size for size in shape])
    return b'{"name":"%b","datatype":"%b","shape":[%b],%b}' % (name.encode(), DATATYPES[name].encode(), sizes, rest)


@lru_cache(maxsize=256)
def select(asked: tuple[RequestedOutput, ...], binary: bool, graph_outputs: tuple[str, ...]) -> Selection:
    """The outputs of an answer; raises Rejected for one that the graph does not have, or that is asked for twice."""
    outputs = asked or tuple(RequestedOutput(name, binary) for name in OUTPUTS)
    offered = offered_outputs(graph_outputs)
    names = [output.name for output in outputs]
    for name in names:
        if name not in offered:
            raise Rejected(400, f"there is no output `{name[:80]}`: there are {', '.join(offered)}")
        if names.count(name) > 1:
            raise Rejected(400, f"output `{name}` is asked for twice")
    return Selection(outputs, CONTRIBUTIONS in names, UNIFY in names, all(output.binary for output in outputs))


def offered_outputs(graph_outputs: tuple[str, ...]) -> list[str]:
    """The outputs of a graph that this protocol offers."""
    return [name for name in _FIELDS if name in graph_outputs]


def infer_call(head: Head, models: ModelTable, name: str, asked: str | None) -> InferCall:
    """What the head of a request for this model and version asks for; raises Rejected."""
    served = models.named(name, asked)
    media = head.headers.get(b"content-type", JSON)
    if media not in _TAKEN and media.split(b";", 1)[0].strip().lower() not in _TAKEN:
        raise Rejected(
            415,
            f"the body is {media.decode('latin-1')[:80]}: send application/json, or application/octet-stream with "
            "Inference-Header-Content-Length",
        )
    length = head.headers.get(HEADER_LENGTH)
    if length is None:
        return InferCall(served)
    if not length.isdigit() or len(length) > 18:  # noqa: PLR2004 - digits of a size beyond any body
        raise Rejected(400, "Inference-Header-Content-Length takes a whole number of bytes")
    return InferCall(served, header_length=int(length))


def server_metadata() -> dict[str, Any]:
    """The protocol's metadata of the server."""
    return {
        "name": "pynomaly",
        "version": version(DISTRIBUTION),
        "extensions": ["binary_tensor_data"],
    }


def model_metadata(served: ServedModel) -> dict[str, Any]:
    """The protocol's metadata of one model."""
    schema = served.schema
    inputs = [{"name": "X", "datatype": "FP64", "shape": [-1, schema.numbers]}]
    if schema.categories:
        inputs.append({"name": "C", "datatype": "BYTES", "shape": [-1, schema.categories]})
    outputs = [
        {"name": name, "datatype": DATATYPES[name], "shape": [-1, schema.width] if name == CONTRIBUTIONS else [-1]}
        for name in offered_outputs(served.model.outputs)
    ]
    return {
        "name": served.name,
        "versions": [str(served.version)],
        "platform": "onnx_onnxv1",
        "inputs": inputs,
        "outputs": outputs,
    }
