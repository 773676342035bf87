"""Days, UTC: dates in forms and addresses, milliseconds in the store."""
from __future__ import annotations

from datetime import UTC, date, datetime, time

from webadmin.store.database import DAY_MS


def begin(day: date | None) -> int | None:
    """The first millisecond of the day."""
    return _first_millisecond(day) if day else None


def end(day: date | None) -> int | None:
    """The first millisecond after the day: what ends on it is over then."""
    return _first_millisecond(day) + DAY_MS if day else None


def last(ends_at: int | None) -> date | None:
    """The day of the millisecond before: whose `end` this is."""
    return datetime.fromtimestamp((ends_at - 1) // 1000, UTC).date() if ends_at is not None else None


def _first_millisecond(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000
