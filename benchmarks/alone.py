"""What is measured in a process of its own: `python -m benchmarks.alone bcrypt SECONDS`, or `export` of the store in WEBADMIN_DATA."""
from __future__ import annotations

import json
import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

import bcrypt

COST = 12


def pace(seconds: float) -> float:
    """Checks a second of raw bcrypt, on all cores together."""
    with multiprocessing.Pool(os.cpu_count()) as pool:
        return sum(pool.map(_pace_of_one, [seconds] * (os.cpu_count() or 1), chunksize=1))


def export() -> dict[str, float]:
    """Milliseconds to the first byte, MiB that the process grew by, seconds in all; the accounts go to the standard output."""
    from webadmin import settings, start
    from webadmin.accounts import exchange
    from webadmin.accounts.actors import COMMAND_LINE
    from webadmin.store import database

    start.open_store(settings.load())
    before, first, begun = _memory("VmRSS"), 0.0, time.perf_counter()
    with database.connection():
        for piece in exchange.written("csv", with_hashes=True, by=COMMAND_LINE):
            sys.stdout.write(piece)
            sys.stdout.flush()
            first = first or time.perf_counter() - begun
    return {"first_byte_ms": first * 1000, "growth_mib": _memory("VmHWM") - before, "seconds": time.perf_counter() - begun}


def _pace_of_one(seconds: float) -> float:
    stored = bcrypt.hashpw(b"three green boats at dawn", bcrypt.gensalt(COST))
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        bcrypt.checkpw(b"three green boats at dawn", stored)
        done += 1
    return done / (time.perf_counter() - begun)


def _memory(which: str) -> float:
    found = re.search(rf"^{which}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    if sys.argv[1] == "export":
        print(json.dumps(export()), file=sys.stderr)
    else:
        print(pace(float(sys.argv[2])))
