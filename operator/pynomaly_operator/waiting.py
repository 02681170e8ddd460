"""Since when detectors wait to be trained, told from their statuses: a restart of the operator moves nobody in line."""

from collections.abc import Iterator
from datetime import datetime

from pynomaly_operator.api.parse import parse_status
from pynomaly_operator.api.status import ConditionType, DetectorStatus
from pynomaly_operator.status.findings import Reason
from pynomaly_operator.store import Key, Store


def asked_since(before: DetectorStatus, now: datetime) -> datetime:
    """Since when a training has been asked for that has not ended."""
    trained = before.condition(ConditionType.TRAINED)
    return trained.last_transition_time if trained is not None and trained.status == "Unknown" else now


def in_line(store: Store) -> Iterator[tuple[datetime, Key]]:
    """The detectors that waited for their turn when their status was written, and since when."""
    for key, detector in store.detectors.items():
        trained = parse_status(detector.status).condition(ConditionType.TRAINED)
        if trained is not None and (trained.status, trained.reason) == ("Unknown", Reason.WAITING):
            yield trained.last_transition_time, key
