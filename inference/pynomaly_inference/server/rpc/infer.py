"""`ModelInfer`: one scoring request over gRPC."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.http import Reply
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.protocols.oip import DATATYPES, NOTHING, Selection, select, values_of
from pynomaly_inference.server.rpc.decoding import decode_message
from pynomaly_inference.server.rpc.open_inference_pb2 import (
    InferParameter,
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)

MEDIA = b"application/grpc+proto"
_Output = ModelInferResponse.InferOutputTensor


@dataclass(slots=True)
class InferMessageCall(Call):
    """One `ModelInfer`. message: the request, read before its call for it names the model."""

    message: ModelInferRequest | None = None
    id: str | None = None
    raw: bool = False
    """Whether the tensors came raw; they go as they came."""
    selection: Selection = NOTHING

    def decode(self, body: bytes) -> Rows:  # noqa: ARG002 - the message was read from it
        """The rows of the message; raises Rejected."""
        message, self.message = self.message, None  # its tensors need not be held until the rows are scored
        if message is None:
            raise AssertionError("a call is decoded once")
        self.raw = len(message.raw_input_contents) > 0
        rows, document = decode_message(message, self.served.schema)
        self.id, self.threshold = document.id, document.threshold
        self.selection = select(document.outputs, document.binary, self.served.model.outputs)
        _, self.explain, self.unify, _ = self.selection
        return rows

    def reply(self, scored: Scored) -> Reply:
        """The serialized response: the outputs in the order in which they were asked for."""
        values = values_of(scored, self.selection)
        response = ModelInferResponse(
            model_name=self.served.name,
            model_version=str(self.served.version),
            id=self.id or "",
            outputs=[_output(name, each, raw=self.raw) for name, each in values.items()],
            raw_output_contents=[each.tobytes() for each in values.values()] if self.raw else None,
        )
        if self.threshold is not None:
            response.parameters["threshold"].CopyFrom(InferParameter(double_param=self.threshold))
        return Reply(200, MEDIA, response.SerializeToString())


def _output(name: str, values: NDArray[Any], *, raw: bool) -> _Output:
    datatype = DATATYPES[name]
    if raw:
        return _Output(name=name, datatype=datatype, shape=values.shape)
    elements = values.ravel().tolist()
    if datatype == "INT64":
        contents = InferTensorContents(int64_contents=elements)
    else:
        contents = InferTensorContents(fp64_contents=elements)
    return _Output(name=name, datatype=datatype, shape=values.shape, contents=contents)
