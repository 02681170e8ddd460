"""What a list of living detectors says of those that the registry knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pynomaly_inference.registry.contract import GONE_AFTER, LivingDetectors


@dataclass(frozen=True, slots=True)
class Known:
    """A detector that the registry has. since: of the first list that lacked it, None when the last one had it."""

    id: int
    namespace: str
    uid: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Row numbers of detectors. returned: marked ones that live; missed: to be marked; confirmed: gone for good."""

    returned: tuple[int, ...]
    missed: tuple[int, ...]
    confirmed: tuple[int, ...]


def judge(known: Iterable[Known], living: LivingDetectors, now: datetime) -> Judgement:
    """Compares; of a namespace that was not listed only what returned is known.

    `living` is a later list than the one that any `since` is of.
    """
    alive = frozenset(living.uids)
    listed = None if living.namespaces is None else frozenset(living.namespaces)
    returned, missed, confirmed = [], [], []
    for detector in known:
        if detector.uid in alive:
            if detector.since is not None:
                returned.append(detector.id)
        elif listed is not None and detector.namespace not in listed:
            continue
        elif detector.since is None:
            missed.append(detector.id)
        elif now - detector.since >= GONE_AFTER:
            confirmed.append(detector.id)
    return Judgement(tuple(returned), tuple(missed), tuple(confirmed))
