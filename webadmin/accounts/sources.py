"""What one machine knows of where passwords come from just now, so that who floods leaves time and places to others.

A source is what one subscriber has (tallies.network), a device that has signed in before, or "" for the program itself.

Hints that nothing rests on: what must hold, over all machines and a restart, is throttle.py.
"""
from __future__ import annotations

import mmap
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from webadmin.accounts.errors import Busy, TooManyAttempts
from webadmin.store import database

DEVICE = "device of "
SUSPECT_SECONDS = 60
TYPING_SECONDS = 3           # anybody mistypes once, and takes as long to type it again
MOST_THROTTLED = 40          # a second: a flood asks on though it was told to wait, and is not even looked at
HASTY = 4                    # in HASTY_SECONDS: no person and no script that waits as it is told is refused so often
HASTY_SECONDS = 10
UNHEARD_SECONDS = 0.2
MOST_SUSPECTS = 10_000
KNOWN_SECONDS = 12 * 3600
MOST_SIGN_INS = 10           # in SUSPECT_SECONDS: nobody who signs in more often is to be quicker than others
MOST_KNOWN = 4096


class Trust(IntEnum):
    """Where many wait, who is trusted more is heard first, and has time and places that the others do not get."""

    SUSPECT = 0      # it failed again, or asked hastily, within the last SUSPECT_SECONDS
    NEW = 1
    KNOWN = 2        # somebody signed in from there in the last KNOWN_SECONDS


_lock = threading.Lock()
_under_way: Counter[str] = Counter()
_refused: Counter[str] = Counter()      # in these HASTY_SECONDS
_throttled: Counter[str] = Counter()    # in this second, by the throttle
_second = 0
_wrong: Counter[str] = Counter()        # in these SUSPECT_SECONDS
_right: Counter[str] = Counter()
_suspected_until: dict[str, float] = {}      # the oldest first
_known = mmap.mmap(-1, MOST_KNOWN * 16)      # made before the fork: the hash of a source, and until when it is known


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
            _suspect(source, SUSPECT_SECONDS)


def failed(source: str) -> None:
    """An attempt was heard, and wrong."""
    with _lock:
        _count_anew()
        _wrong[source] += 1
        _suspect(source, TYPING_SECONDS if _wrong[source] == 1 else SUSPECT_SECONDS)


def succeeded(source: str) -> None:
    """Somebody signed in: all processes know this source from now on."""
    with _lock:
        _count_anew()
        _right[source] += 1
        until = time.monotonic() + KNOWN_SECONDS if _right[source] <= MOST_SIGN_INS else 0
    struct.pack_into("qd", _known, _place_of(source), hash(source), until)


def trust_of(source: str) -> Trust:
    now = time.monotonic()
    if not source or source.startswith(DEVICE):
        return Trust.KNOWN
    if now < _suspected_until.get(source, 0):
        return Trust.SUSPECT
    whose, until = struct.unpack_from("qd", _known, _place_of(source))
    return Trust.KNOWN if whose == hash(source) and now < until else Trust.NEW


def forget() -> None:
    with _lock:
        for each in (_under_way, _refused, _throttled, _wrong, _right, _suspected_until):
            each.clear()
        _known[:] = bytes(len(_known))


def _place_of(source: str) -> int:
    return hash(source) % MOST_KNOWN * 16


def _suspect(source: str, seconds: float) -> None:
    before = _suspected_until.pop(source, 0)
    _suspected_until[source] = max(before, time.monotonic() + seconds)
    if len(_suspected_until) > MOST_SUSPECTS:
        del _suspected_until[next(iter(_suspected_until))]


def _count_anew() -> None:
    global _second
    before, _second = _second, database.now() // 1000
    if before != _second:
        _throttled.clear()
    if before // HASTY_SECONDS != _second // HASTY_SECONDS:
        _refused.clear()
    if before // SUSPECT_SECONDS != _second // SUSPECT_SECONDS:
        _wrong.clear()
        _right.clear()
