"""Counts that all processes of a server share: memory made before the fork, in which each process writes to a place of its own.

No file, no lock between processes: a process that is killed stops nobody, and the one that follows counts on from there.
"""
from __future__ import annotations

import mmap
import os
import struct
import threading
from bisect import bisect_left
from collections.abc import Iterable

PLACES = 64      # as many as there may be processes
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000)
STATUSES = (1, 2, 3, 4, 5)
EVENTS = ("signed-in", "signed-out", "wrong-password", "no-second-factor", "wrong-passkey", "copied-passkey", "not-admitted", "turned-away",
          "change")
NAMES = ("pid", "looked_ms", "connections", "served", "hashing", "requests_us", *(f"status {each}" for each in STATUSES),
         *(f"until {each}" for each in (*BUCKETS_MS, "all")), *(f"event {each}" for each in EVENTS))

_BY_STATUS = {each: f"status {each}" for each in STATUSES}
_UNTIL = [f"until {each}" for each in (*BUCKETS_MS, "all")]

_memory = mmap.mmap(-1, PLACES * len(NAMES) * 8)
_at = {name: number * 8 for number, name in enumerate(NAMES)}
_lock = threading.Lock()
_place = 0


def take_place(number: int) -> None:
    """This process counts at place `number` from now on. What it may be busy with is nothing yet."""
    global _place
    _place = number % PLACES
    _write("pid", os.getpid())
    for name in ("looked_ms", "connections", "served", "hashing"):
        _write(name, 0)


def put(**counts: int) -> None:
    """What this process has now."""
    for name, count in counts.items():
        _write(name, count)


def add(name: str, count: int = 1) -> None:
    with _lock:
        _write(name, _read(_place, name) + count)


def request(status: int, seconds: float) -> None:
    """One request answered."""
    with _lock:
        for name, count in ((_BY_STATUS[min(max(status // 100, 1), 5)], 1), (_UNTIL[bisect_left(BUCKETS_MS, seconds * 1000)], 1),
                            ("requests_us", int(seconds * 1e6))):
            _write(name, _read(_place, name) + count)


def event(kind: str, group: str, count: int) -> None:
    """An entry of the change log: sign-ins by their kind, all others as changes."""
    add("event change" if group == "change" else f"event {kind}", count)


def total(name: str) -> int:
    return sum(_read(place, name) for place in range(PLACES))


def each(name: str) -> Iterable[int]:
    """The value of every process that lives."""
    return [counts[name] for counts in living(name).values()]


def living(*names: str) -> dict[int, dict[str, int]]:
    """These values of every process that lives, by its place."""
    return {place: {name: _read(place, name) for name in names} for place in range(PLACES) if _alive(_read(place, "pid"))}


def _alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _offset(place: int, name: str) -> int:
    return place * len(NAMES) * 8 + _at[name]


def _read(place: int, name: str) -> int:
    return int(struct.unpack_from("q", _memory, _offset(place, name))[0])


def _write(name: str, value: int) -> None:
    struct.pack_into("q", _memory, _offset(_place, name), value)
