"""What is due is done once, by whichever process takes it first; what fails is tried again."""
from __future__ import annotations

import json

import pytest

from tests.conftest import at_once
from webadmin import keeper
from webadmin.accounts import verification
from webadmin.accounts.models import Job


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_one_of_many_does_the_work(store):
    done = []

    def work() -> str:
        done.append(1)
        return "done"
    task = keeper.Task("counted", keeper.HOUR_MS, work)
    at_once(*(lambda: keeper._is_due(task) and keeper._claim(task) and keeper._do(task) for _ in range(8)))
    assert done == [1] and Job.get_by_id("counted").outcome == "done"


def test_it_is_due_again_after_its_time_and_not_before(store, clock):
    task = keeper.Task("timed", keeper.HOUR_MS, lambda: "done")
    assert keeper._claim(task) and not keeper._is_due(task)
    clock(minutes=61)
    assert keeper._is_due(task) and keeper._claim(task)


def test_a_clock_that_jumped_ahead_and_back_stops_nothing(store, clock):
    task = keeper.Task("timed", keeper.HOUR_MS, lambda: "done")
    clock(days=400)
    assert keeper._claim(task)
    clock(days=-400)
    assert keeper._is_due(task) and keeper._claim(task)


def test_what_fails_is_written_down_and_tried_again_soon(store, clock):
    task = keeper.Task("failing", keeper.DAY_MS, lambda: str(1 // 0))
    keeper._do(task) if keeper._claim(task) else None
    assert Job.get_by_id("failing").outcome.startswith("failed: integer division")
    clock(minutes=11)
    assert keeper._is_due(task)


def test_what_a_killed_process_had_begun_is_done_within_the_hour(store, clock):
    task = keeper.Task("backup", keeper.DAY_MS, lambda: "done")
    assert keeper._claim(task) and not keeper._is_due(task), "and then its process is killed"
    clock(minutes=61)
    assert keeper._is_due(task) and keeper._claim(task) and keeper._do(task)
    clock(hours=23)
    assert not keeper._is_due(task)


def test_the_head_of_the_log_goes_to_the_servers_log(ada, settings, capfd):
    assert keeper.run_due(settings) == ["expiry", "log head"]
    [line] = [json.loads(each) for each in capfd.readouterr().err.splitlines() if "log-head" in each]
    assert line["head"] == verification.head() and verification.verify(line["head"]).trouble == ""
