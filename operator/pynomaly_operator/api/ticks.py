"""When a schedule is due: cron expressions in time zones, as Debian's cron reads them.

A tick at a local time that summer time skips comes when the clock has gone forward; one at a local time that comes
twice comes the first time. Expressions that begin with a star in minute or hour follow elapsed time instead.
See https://github.com/cuu508/cronsim and crontab(5).
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.v1alpha1 import Schedule

LONGEST_DELAY = timedelta(seconds=60)
"""Detectors of one schedule come due spread over this time."""
_ANY_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


def check(schedule: Schedule) -> None:
    """Raises ResourceInvalid for an expression that cron does not know, or never due, and for an unknown zone."""
    where = "spec.training.schedule"
    try:
        zone = ZoneInfo(schedule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, such as `Europe`
        text = f"{where}.timeZone: `{schedule.zone}` is no time zone: use one such as Europe/Berlin"
        raise ResourceInvalid(text) from error
    try:
        first = next(CronSim(schedule.cron, _ANY_MOMENT.astimezone(zone)), None)
    except CronSimError as error:
        text = f"{where}.cron: `{schedule.cron}` is no cron expression: {str(error).lower()}"
        raise ResourceInvalid(text) from error
    if first is None:
        raise ResourceInvalid(f"{where}.cron: `{schedule.cron}` is never due")


def last_tick(schedule: Schedule, now: datetime) -> datetime | None:
    """The latest tick that is not after `now`, in UTC; None when there was none in 50 years."""
    found = next((tick for tick in _ticks(schedule, now, reverse=True) if tick <= now), None)
    if found is None:
        return None
    # Backwards, the hour that comes twice hides ticks of its first time: look forwards from there.
    for tick in _ticks(schedule, found, reverse=False):
        if tick > now:
            return found
        found = max(found, tick)
    return found


def next_tick(schedule: Schedule, now: datetime) -> datetime | None:
    """The first tick after `now`, in UTC; None when there is none in 50 years."""
    return next((tick for tick in _ticks(schedule, now, reverse=False) if tick > now), None)


def delay(uid: str) -> timedelta:
    """How much later than its schedule says the detector of this uid is due: always the same, less than a minute."""
    share = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8]) / 2**64
    return LONGEST_DELAY * share


def _ticks(schedule: Schedule, start: datetime, *, reverse: bool) -> Iterator[datetime]:
    local = start.astimezone(ZoneInfo(schedule.zone))
    return (tick.astimezone(UTC) for tick in CronSim(schedule.cron, local, reverse=reverse))
