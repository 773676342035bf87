"""The benchmark measures what it says: a short run of its harness over a thousand accounts."""
from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import drive, people, reading
from benchmarks.candidates import Candidates
from benchmarks.drive import Target, Unusable
from benchmarks.goals import Finding, table
from benchmarks.stores import Stores

needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not here: apt install wrk")


def test_people_are_the_same_at_every_run():
    assert people.person(7) == people.person(7) != people.person(8)
    some = list(people.people(2000))
    assert len({each.username for each in some}) == len({each.email for each in some}) == 2000
    assert sum(people.COMMON in each.email for each in some) == 285


@needs_wrk
def test_lists_of_the_product_are_driven_in_turns(tmp_path: Path):
    drive.folder(tmp_path)
    on = Candidates(Stores(tmp_path, Path(sys.executable)), (1000,), 0.2, rounds=1)
    try:
        found = list(reading.beside_floor(on))
        with pytest.raises(Unusable):      # an answer that is not the one that is measured
            Target(on.product(1000).pid, on.product(1000).port, "/users", holds='data-columns="users"').check()
    finally:
        on.stop()
    assert len(found) == 1 and found[0].got > 0
    assert all(server.process.poll() is not None for server in on.running.values()), "every process has ended"


def test_a_finding_says_what_was_met():
    assert [Finding(1, "", got, 10, 16).met for got in (9.9, 10, 16)] == ["no", "must", "aim"]
    assert [Finding(1, "", got, 2, 1.3, least=False).met for got in (2.1, 2, 1.3)] == ["no", "must", "aim"]
    assert list(table([Finding(2, "list ÷ Django", 12.345, 10, 16)]))[-1] == "| 2 | list ÷ Django | ≥ 10 | ≥ 16 | 12.3 | must |  |"
