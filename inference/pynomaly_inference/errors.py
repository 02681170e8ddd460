"""Every error a user can meet, each with its published reason and exit code.

    PynomalyError            70  Internal
    +- OutputUnwritable       2  the file to write cannot be written where it is asked for
    +- AddressUnavailable     2  the address to listen on is taken, or is none of this machine
    +- ResourceInvalid       10  the resource asks for something that is not possible
    +- SourceUnreachable     11  the data cannot be read now; trying again may help
    +- DataRejected          12  the data was read, and cannot be trained on or scored
    +- FitFailed             13  PyOD could not fit the detector
    +- NotConvertible        14  no ONNX graph says what this detector says
    +- ParityFailed          15  the graph does not score as PyOD does
    +- GateFailed            16  the model is worse than the resource demands
    +- RegistryUnavailable   17  the registry does not answer, or does not let this program in; trying again may help
    +- ModelLoadFailed       18  a model file is damaged, foreign, or does not agree with its own golden rows
    +- SourceNotAllowed      19  the source leads to where this program may not connect

The messages are shown to the user as they are: they name what the user must change.
"""

from typing import ClassVar


class PynomalyError(Exception):
    """The root of this package's errors."""

    reason: ClassVar[str] = "Internal"
    exit_code: ClassVar[int] = 70


class OutputUnwritable(PynomalyError):
    """The file to write cannot be written where the command asks for it."""

    reason = "OutputUnwritable"
    exit_code = 2


class AddressUnavailable(PynomalyError):
    """The address to listen on cannot be had."""

    reason = "AddressUnavailable"
    exit_code = 2


class ResourceInvalid(PynomalyError):
    """The resource file is malformed, or asks for something that is not possible."""

    reason = "ResourceInvalid"
    exit_code = 10


class SourceUnreachable(PynomalyError):
    """A source cannot be read now: missing, refused, timed out."""

    reason = "SourceUnreachable"
    exit_code = 11


class DataRejected(PynomalyError):
    """Data was read and cannot be used; the message names the column and the row."""

    reason = "DataRejected"
    exit_code = 12


class FitFailed(PynomalyError):
    """PyOD raised while fitting, or the fitted detector is unusable."""

    reason = "FitFailed"
    exit_code = 13


class NotConvertible(PynomalyError):
    """The fitted detector has no ONNX graph: wrong class, unfitted, or a refused parameter."""

    reason = "NotConvertible"
    exit_code = 14


class ParityFailed(PynomalyError):
    """The ONNX graph left the tolerance; the message says on which rows and by how much."""

    reason = "ParityFailed"
    exit_code = 15


class GateFailed(PynomalyError):
    """A metric is worse than `training.gates` demands."""

    reason = "GateFailed"
    exit_code = 16


class RegistryUnavailable(PynomalyError):
    """The registry does not answer now, or does not accept this program's token."""

    reason = "RegistryUnavailable"
    exit_code = 17


class ModelLoadFailed(PynomalyError):
    """A model file cannot be served: damaged, not ours, or its golden rows do not agree here."""

    reason = "ModelLoadFailed"
    exit_code = 18


class SourceNotAllowed(PynomalyError):
    """A source leads, perhaps by a redirect, to an address to which connections are not allowed."""

    reason = "SourceNotAllowed"
    exit_code = 19
