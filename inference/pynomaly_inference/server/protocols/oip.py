"""`POST /v2/models/{name}[/versions/{version}]/infer`: the Open Inference Protocol, JSON and binary tensors.

Source: Open Inference Protocol v2, "Inference"; Triton's binary tensor data extension.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pynomaly_inference.scoring.model import CONTRIBUTIONS, OUTPUTS, UNIFY, Model, Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.oip import InferRequest, RequestedOutput, decode_infer
from pynomaly_inference.server.http import JSON, Head, Reply
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ModelTable, ServedModel

HEADER_LENGTH = b"inference-header-content-length"
_BINARY = (b"content-type", b"application/octet-stream")
_TAKEN = frozenset({b"application/json", b"application/octet-stream"})
_FIELDS = {
    "score": "scores",
    "label": "labels",
    "probability": "probabilities",
    UNIFY: "unified",
    CONTRIBUTIONS: "contributions",
}
"""Outputs of the graph that the protocol offers, and where `Scored` holds them."""
_DATATYPES = {name: "INT64" if name == "label" else "FP64" for name in _FIELDS}


@dataclass(slots=True)
class InferCall(Call):
    """header_length: the size of the JSON document when binary tensors follow it."""

    header_length: int | None = None
    id: str | None = None
    outputs: tuple[RequestedOutput, ...] = ()

    def decode(self, body: bytes) -> Rows:
        """The rows of the body; raises Rejected."""
        request = decode_infer(body, self.header_length, self.served.schema)
        self.id = request.id
        self.outputs = _chosen(request, self.served.model)
        names = {output.name for output in self.outputs}
        self.explain, self.unify = CONTRIBUTIONS in names, UNIFY in names
        return request.rows

    def reply(self, scored: Scored) -> Reply:
        """The outputs in the order in which they were asked for."""
        entries, tails = [], []
        for output in self.outputs:
            values: NDArray[Any] = getattr(scored, _FIELDS[output.name])
            if output.binary:
                tails.append(values.tobytes())
                data = b'"parameters":{"binary_data_size":%d}' % values.nbytes
            else:
                data = b'"data":' + orjson.dumps(np.ravel(values), option=orjson.OPT_SERIALIZE_NUMPY)
            entries.append(_entry(output.name, values.shape, data))
        id_ = b"" if self.id is None else b'"id":%b,' % orjson.dumps(self.id)
        head = b'{%b,%b"outputs":[%b]}' % (self.served.oip_identity, id_, b",".join(entries))
        if not tails:
            return Reply(200, [JSON], head)
        return Reply(200, [_BINARY, (HEADER_LENGTH, b"%d" % len(head))], b"".join((head, *tails)))


def _entry(name: str, shape: tuple[int, ...], data: bytes) -> bytes:
    sizes = b",".join([b"%d" % size for size in shape])
    return b'{"name":"%b","datatype":"%b","shape":[%b],%b}' % (name.encode(), _DATATYPES[name].encode(), sizes, data)


def _chosen(request: InferRequest, model: Model) -> tuple[RequestedOutput, ...]:
    if not request.outputs:
        return tuple(RequestedOutput(name, request.binary) for name in OUTPUTS)
    offered = offered_outputs(model)
    seen = set()
    for output in request.outputs:
        if output.name not in offered:
            raise Rejected(400, f"there is no output `{output.name[:80]}`: there are {', '.join(offered)}")
        if output.name in seen:
            raise Rejected(400, f"output `{output.name}` is asked for twice")
        seen.add(output.name)
    return request.outputs


def offered_outputs(model: Model) -> list[str]:
    """The outputs of a model that this protocol offers."""
    return [name for name in _FIELDS if name in model.outputs]


def infer_call(head: Head, models: ModelTable, name: str, version: str | None) -> InferCall:
    """What the head of a request asks for; raises Rejected."""
    served = models.named(name, version)
    media = head.headers.get(b"content-type")
    if media is not None and media not in _TAKEN and media.split(b";", 1)[0].strip().lower() not in _TAKEN:
        raise Rejected(
            415, f"the body is {media.decode('latin-1')}: send application/json, or application/octet-stream "
            "with Inference-Header-Content-Length"
        )  # fmt: skip
    length = head.headers.get(HEADER_LENGTH)
    if length is None:
        return InferCall(served)
    if not length.isdigit() or len(length) > 18:  # noqa: PLR2004 - beyond any body
        raise Rejected(400, "Inference-Header-Content-Length takes a whole number of bytes")
    return InferCall(served, header_length=int(length))


def model_metadata(served: ServedModel) -> dict[str, Any]:
    """The protocol's metadata of one model."""
    schema = served.schema
    inputs = [{"name": "X", "datatype": "FP64", "shape": [-1, schema.numbers]}]
    if schema.categories:
        inputs.append({"name": "C", "datatype": "BYTES", "shape": [-1, schema.categories]})
    outputs = [
        {"name": name, "datatype": _DATATYPES[name], "shape": [-1, schema.width] if name == CONTRIBUTIONS else [-1]}
        for name in offered_outputs(served.model)
    ]
    return {
        "name": served.name,
        "versions": [str(served.version)],
        "platform": "onnx_onnxv1",
        "inputs": inputs,
        "outputs": outputs,
    }
