"""A flood from one source: refused before anything is written, and never in the way of others."""
from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from tests.conftest import PASSWORD
from webadmin.accounts import hashing, signin
from webadmin.accounts.actors import Actor
from webadmin.accounts.errors import Busy, TooManyAttempts, WrongCredentials
from webadmin.accounts.models import Change, Detail, Throttle

FLOOD, PERSON = Actor(door="browser", source="192.0.2.1"), Actor(door="browser", source="192.0.2.2")


def test_one_source_leaves_places_to_others(bob):
    with ExitStack() as flooding:
        for _ in range(signin._Places.MOST):
            flooding.enter_context(signin._places.taken(FLOOD.source))
        with pytest.raises(Busy):
            signin.authenticate("bob", PASSWORD, by=FLOOD)
        assert signin.authenticate("bob", PASSWORD, by=PERSON).id == bob.id
    assert signin.authenticate("bob", PASSWORD, by=FLOOD).id == bob.id and not signin._places.under_way


def test_what_is_not_heard_writes_no_failure(bob, monkeypatch):
    turn = hashing.this_process()
    for _ in range(hashing.WAITING + 1):
        turn.places.acquire()
    try:
        with pytest.raises(Busy):
            signin.authenticate("bob", PASSWORD, by=PERSON)
    finally:
        for _ in range(hashing.WAITING + 1):
            turn.places.release()
    assert Throttle.select().count() == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_ten_thousand_failures_leave_fewer_than_two_hundred_rows(bob):
    """Of one source with ever new names, of ever new sources with one name, and with one that there is not."""
    before = Change.select().count()
    for number in range(10_000):
        elsewhere = f"10.0.{number >> 8}.{number & 255}"
        known, name, source = ((None, f"name{number}", FLOOD.source), (bob, "bob", elsewhere), (None, "nobody", elsewhere))[number % 3]
        with pytest.raises((WrongCredentials, TooManyAttempts)):
            signin.prove(known, name, "wrong password", by=Actor(door="browser", source=source))
    written, counters = Change.select().count() - before, Throttle.select().count()
    assert written >= 20 and written + counters < 200 and Detail.select().count() == 1, (written, counters)


def test_sources_take_turns(store):
    """Five checks of one source wait; who comes then from elsewhere is heard after the one that runs and one more at most."""
    begun, gate = threading.Event(), threading.Event()
    heard: list[str] = []
    turn = hashing.Turn()

    def run() -> None:
        begun.set()
        gate.wait(10)
    running = turn.submit("flood", run)
    begun.wait(10)
    waiting = [turn.submit("flood", lambda: heard.append("flood")) for _ in range(5)]
    waiting.append(turn.submit("person", lambda: heard.append("person")))
    gate.set()
    for each in [running, *waiting]:
        each.result(10)
    assert heard.index("person") <= 1 and len(heard) == 6
