"""`python -m benchmarks`: fill, start, drive in turns, compare, print."""
from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import drive, reading, writing
from benchmarks.candidates import Candidates
from benchmarks.drive import Unusable
from benchmarks.goals import Finding, table
from benchmarks.stores import Stores

GOALS: dict[int, Callable[[Candidates], Iterator[Finding]]] = {
    1: reading.lists, 2: reading.beside_django, 3: reading.beside_floor, 4: reading.far_pages, 5: reading.searches, 6: reading.json_lists,
    7: reading.one_account, 8: writing.sign_ins, 9: writing.floods, 10: writing.imports, 11: writing.exports, 12: writing.starts,
    13: writing.mass}
SIZES, QUICK_SIZES = (1_000, 100_000, 1_000_000), (1_000, 100_000)


def sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(map(int, text.split(","))))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks",
                                     description="Measure the product beside Django admin, DRF and the floor of its stack.")
    parser.add_argument("--quick", action="store_true", help="up to 100,000 accounts, shorter and fewer measurements: some minutes")
    parser.add_argument("--sizes", type=sizes, help="how many accounts: 1000,100000,1000000")
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--only", type=int, action="append", choices=GOALS, metavar="GOAL", help="1 to 13; may be repeated")
    parser.add_argument("--json", action="store_true", help="findings as JSON")
    parser.add_argument("--folder", type=Path, help="where the databases are kept for the next run; else they are removed")
    given = parser.parse_args()
    given.sizes = given.sizes or (QUICK_SIZES if given.quick else SIZES)
    given.seconds = given.seconds or (1.0 if given.quick else 1.5)
    return given


def main() -> int:
    given = options()
    if not shutil.which("wrk"):
        print("The benchmark needs wrk to drive the servers. On Debian and Ubuntu, as root: apt install wrk", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))      # so that what was started is ended
    folder = given.folder or Path(tempfile.mkdtemp(prefix="webadmin-benchmark-"))
    folder.mkdir(parents=True, exist_ok=True)
    drive.folder(folder)
    rounds = 3 if given.quick else 9      # short ones, for what disturbs a machine lasts longer
    candidates = Candidates(Stores(folder.resolve()), given.sizes, given.seconds, rounds)
    try:
        print_all(run(candidates, given.only or list(GOALS)), given)
    finally:
        if not given.folder:
            shutil.rmtree(folder)
    return 0


def run(on: Candidates, wanted: list[int]) -> list[Finding]:
    found: list[Finding] = []
    try:
        for goal in wanted:
            begun = time.monotonic()
            try:
                found += GOALS[goal](on)
            except (Unusable, OSError, subprocess.SubprocessError) as wrong:      # the other goals are measured all the same
                print(f"Goal {goal} could not be measured: {wrong}", file=sys.stderr)
            print(f"... goal {goal}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    finally:
        on.stop()
    return found


def print_all(found: list[Finding], given: argparse.Namespace) -> None:
    if given.json:
        print(json.dumps({"machine": machine(), "seconds": given.seconds, "findings": [each.as_json() for each in found]}, indent=1))
        return
    print(f"{machine()}; {given.seconds:g} s a measurement, in turns, medians", "", *table(found), sep="\n")


def machine() -> str:
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, load {load:.1f} at the end"


if __name__ == "__main__":
    sys.exit(main())
