"""Logs as JSON, a line an event, kopf's and aiohttp's among them; no credentials in any of them."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from pynomaly_operator.redaction import redacted

_KOPF_EXTRA = "k8s_ref"
"""How kopf says which object a line is about."""


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """From now on everything that is logged by any library becomes a line of JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)  # a line an event says nothing


def formatter() -> logging.Formatter:
    """Makes a line of JSON of a record; what `structlog.contextvars` holds at that moment is in it."""
    known: tuple[Processor, ...] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=[_KOPF_EXTRA]),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    rendered: tuple[Processor, ...] = (
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _without_credentials,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    )
    return ProcessorFormatter(processors=rendered, foreign_pre_chain=known)


def _without_credentials(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redacted(value) if isinstance(value, str) else value for name, value in event.items()}
