"""What one process knows of where passwords come from just now, so that who floods leaves time and places to others.

A source is what one subscriber has (tallies.network), or a device that has signed in before.

Hints that nothing rests on: what must hold, over all processes and a restart, is throttle.py.
"""
from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from webadmin.accounts.errors import Busy, TooManyAttempts
from webadmin.store import database

SUSPECT_SECONDS = 60
MOST_THROTTLED = 40          # a second: a flood asks on though it was told to wait, and is not even looked at
HASTY = 4                    # in HASTY_SECONDS: no person and no script that waits as it is told is refused so often
HASTY_SECONDS = 10
UNHEARD_SECONDS = 0.2
MOST_KNOWN = 10_000

_lock = threading.Lock()
_under_way: Counter[str] = Counter()
_refused: Counter[str] = Counter()      # in these HASTY_SECONDS
_throttled: Counter[str] = Counter()    # in this second, by the throttle
_second = 0
_suspected_at: dict[str, float] = {}    # the oldest first


@contextmanager
def attempt(source: str, most: int) -> Iterator[None]:
    """Around an attempt. Raises Busy where `most` of the source are under way here."""
    with _lock:
        if _under_way[source] >= most:
            raise Busy(unheard_seconds=UNHEARD_SECONDS)
        _under_way[source] += 1
    try:
        yield
    finally:
        with _lock:
            _under_way[source] -= 1
            if not _under_way[source]:
                del _under_way[source]


def must_not_ask_on(source: str) -> None:
    """Raises TooManyAttempts where it was told to wait, and asks on and on."""
    with _lock:
        _count_anew()
        if _throttled[source] >= MOST_THROTTLED:
            raise TooManyAttempts(1, unheard_seconds=UNHEARD_SECONDS)


def refused(source: str, refusal: Exception) -> None:
    """An attempt was turned away unheard."""
    with _lock:
        _count_anew()
        _refused[source] += 1
        _throttled[source] += isinstance(refusal, TooManyAttempts)
        if _refused[source] >= HASTY:
            _suspect(source)


def failed(source: str) -> None:
    """An attempt was heard, and wrong."""
    with _lock:
        _suspect(source)


def is_suspect(source: str) -> bool:
    """It failed, or asked hastily, within the last SUSPECT_SECONDS: where many wait, those that did not are heard first."""
    return bool(source) and time.monotonic() - _suspected_at.get(source, -SUSPECT_SECONDS) < SUSPECT_SECONDS


def forget() -> None:
    with _lock:
        for known in (_under_way, _refused, _throttled, _suspected_at):
            known.clear()


def _suspect(source: str) -> None:
    _suspected_at.pop(source, None)
    _suspected_at[source] = time.monotonic()
    if len(_suspected_at) > MOST_KNOWN:
        del _suspected_at[next(iter(_suspected_at))]


def _count_anew() -> None:
    global _second
    before, _second = _second, database.now() // 1000
    if before != _second:
        _throttled.clear()
    if before // HASTY_SECONDS != _second // HASTY_SECONDS:
        _refused.clear()
