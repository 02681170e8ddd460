"""The entry point: commands, and errors as one sentence with their published exit code."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from types import FrameType

import typer

from pynomaly_inference.cli.describe import crd, detectors, inspect, schema
from pynomaly_inference.cli.programs import operator, registry
from pynomaly_inference.cli.publish import publish
from pynomaly_inference.cli.score import score
from pynomaly_inference.cli.serve import follow, run, serve
from pynomaly_inference.cli.train import train
from pynomaly_inference.errors import PynomalyError

SIGNALLED = 128
"""A shell's exit code for a signal is this plus its number."""

app = typer.Typer(
    name="pynomaly",
    help="Train a PyOD detector, convert it to ONNX, prove that it scores as PyOD does, and serve it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, run, serve, score, inspect, detectors, schema, crd):
    app.command()(command)
for program in (operator, registry, publish, follow):
    app.command(rich_help_panel="What runs in a cluster")(program)


class _Stopped(BaseException):
    """A signal, raised so that half-written files are removed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> None:
    """The console script: runs the command line until it ends or a signal stops it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _stop)
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Runs one command; returns its exit code: 0, 2 for wrong usage, the error class's own, 128 + N for signal N."""
    try:
        app(list(arguments), prog_name="pynomaly")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except PynomalyError as error:
        _report(error, arguments)
        return error.exit_code
    except _Stopped as stopped:
        return SIGNALLED + stopped.number
    except KeyboardInterrupt:
        return SIGNALLED + signal.SIGINT
    except BrokenPipeError:
        # The reader (`head`, say) has had enough; the interpreter must not try to flush into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # noqa: BLE001 - the last line of defence: any other error is a bug, told as one
        traceback.print_exc()
        _report(PynomalyError(f"this is a bug, please report it with the lines above: {error!r}"), arguments)
        return PynomalyError.exit_code
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    raise _Stopped(number)


def _report(error: PynomalyError, arguments: Sequence[str]) -> None:
    """The error in words on standard error; with `--format json` also as JSON on standard output."""
    print(f"{error.reason}: {error}", file=sys.stderr)
    if "--format=json" in arguments or ("--format", "json") in pairwise(arguments):
        print(json.dumps({"outcome": error.reason, "message": str(error)}))
