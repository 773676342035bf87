"""A flood from one source: refused before anything is written, and never in the way of others."""
from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest

from tests.conftest import PASSWORD, at_once, kinds
from webadmin.accounts import activity, hashing, passwords, proofs, read_only, registration, signin, sources, throttle, turned_away
from webadmin.accounts.actors import Actor
from webadmin.accounts.errors import Busy, TooManyAttempts, WrongCredentials
from webadmin.accounts.models import Change, Detail, Throttle
from webadmin.accounts.sources import Trust
from webadmin.pages import shown
from webadmin.store import database

FLOOD, PERSON = Actor(door="browser", source="192.0.2.1"), Actor(door="browser", source="192.0.2.2")


def test_one_source_leaves_places_to_others(bob):
    with ExitStack() as flooding:
        for _ in range(hashing.shares.of_one_source):
            flooding.enter_context(sources.attempt(FLOOD.source, hashing.shares.of_one_source))
        with pytest.raises(Busy):
            signin.authenticate("bob", PASSWORD, by=FLOOD)
        assert signin.authenticate("bob", PASSWORD, by=PERSON).id == bob.id
    assert signin.authenticate("bob", PASSWORD, by=FLOOD).id == bob.id and not sources._under_way


def test_what_is_not_heard_writes_no_failure(bob, monkeypatch):
    with ExitStack() as flooding:
        for source in [""] * hashing.shares.hashing + ["10.0.0.1"] * hashing.shares.own(Trust.NEW):
            flooding.enter_context(hashing.this_process().place_of(source))
        with pytest.raises(Busy):
            signin.authenticate("bob", PASSWORD, by=PERSON)
    assert Throttle.select().count() == 0


def test_a_flood_of_one_name_is_not_even_looked_at_and_a_known_device_is(ada, bob, monkeypatch):
    device = throttle.know_device(bob)
    told = [kinds(at_once(lambda: signin.prove(bob, "bob", "wrong password", by=FLOOD))) for _ in range(15)]
    assert told.count(["WrongCredentials"]) == 10 and told.count(["TooManyAttempts"]) == 5
    with pytest.raises(WrongCredentials):      # so few refusals make nobody else of that source wait
        signin.prove(ada, "ada", "wrong password", by=FLOOD)
    for _ in range(sources.MOST_THROTTLED):
        sources.refused(FLOOD.source, TooManyAttempts(1))
    looked = []
    monkeypatch.setattr(throttle, "take", lambda *given: looked.append(given))
    with pytest.raises(TooManyAttempts) as refusal:
        signin.prove(ada, "ada", PASSWORD, by=FLOOD)
    assert not looked and refusal.value.unheard_seconds > 0 and refusal.value.retry_after > 0, "nobody of that source is heard for a moment"
    monkeypatch.undo()
    assert signin.prove(bob, "bob", PASSWORD, by=FLOOD, device=device)[0] == bob
    assert signin.prove(ada, "ada", PASSWORD, by=PERSON)[0] == ada, "another source is another client"


def test_a_device_that_is_known_holds_no_more_places_than_one_person_needs(ada, bob):
    """Whoever has an account and a device cookie, and sends the right password over and over, shuts nobody out."""
    devices = {account.username: throttle.know_device(account) for account in (ada, bob)}
    with ExitStack() as flooding:
        for _ in range(hashing.shares.of_one_device):
            flooding.enter_context(sources.attempt(f"device of {bob.id}", hashing.shares.of_one_device))
        with pytest.raises(Busy):
            signin.prove(bob, "bob", PASSWORD, by=FLOOD, device=devices["bob"])
        assert signin.prove(ada, "ada", PASSWORD, by=FLOOD, device=devices["ada"])[0] == ada
        for _ in range(hashing.shares.of_one_source):
            flooding.enter_context(sources.attempt(f"devices at {FLOOD.source}", hashing.shares.of_one_source))
        with pytest.raises(Busy):
            signin.prove(ada, "ada", PASSWORD, by=FLOOD, device=devices["ada"])
        assert signin.prove(ada, "ada", PASSWORD, by=PERSON, device=devices["ada"])[0] == ada
    assert not sources._under_way


def test_a_network_of_version_6_is_one_source(ada, bob):
    with ExitStack() as flooding:
        for _ in range(hashing.shares.of_one_source):
            flooding.enter_context(sources.attempt("2001:db8::/64", hashing.shares.of_one_source))
        with pytest.raises(Busy):
            signin.prove(ada, "ada", PASSWORD, by=replace(FLOOD, source="2001:db8::17"))
        assert signin.prove(ada, "ada", PASSWORD, by=replace(FLOOD, source="2001:db8:1::17"))[0] == ada


def test_what_could_not_be_written_is_counted_with_the_next(store, clock, monkeypatch):
    turned_away.add(FLOOD)
    turned_away.add(FLOOD)
    clock(seconds=61)
    with monkeypatch.context() as full:
        full.setattr(read_only, "record", lambda *_, **__: (_ for _ in ()).throw(database.OperationalError("full")))
        with pytest.raises(database.OperationalError):
            turned_away.add(FLOOD)
    clock(seconds=61)
    turned_away.write_due()
    assert [each.accounts for each in Change.select().where(Change.kind == "turned-away").order_by(Change.id)] == [1, 2]


def test_a_flood_of_many_addresses_leaves_places_to_others(ada, bob):
    """Those that failed, or asked on and on, hold no more places than leave some to others."""
    flood = [f"10.0.0.{number}" for number in range(20)]
    for source in flood[:10]:
        with pytest.raises(WrongCredentials):
            signin.prove(bob, f"nobody {source}", "wrong password", by=replace(FLOOD, source=source))
    for source in flood[10:]:
        for _ in range(sources.HASTY):
            sources.refused(source, Busy())
    turn = hashing.this_process()
    with ExitStack() as flooding:
        for source in flood[:hashing.shares.of_suspects]:
            flooding.enter_context(turn.place_of(source))
        for source in flood[hashing.shares.of_suspects:]:
            with pytest.raises(Busy) as refusal:
                signin.prove(ada, "ada", PASSWORD, by=replace(FLOOD, source=source))
            assert refusal.value.unheard_seconds > 0
        assert signin.prove(ada, "ada", PASSWORD, by=PERSON)[0] == ada
    assert turn.held.total() == 0


def test_suspects_and_those_who_are_known_leave_places_to_who_comes_for_the_first_time(bob):
    sources.succeeded(FLOOD.source)
    for _ in range(2):
        sources.failed("10.0.0.1")
    turn = hashing.this_process()
    with ExitStack() as held:
        for source in ["10.0.0.1"] * hashing.shares.of_suspects + [FLOOD.source] * (hashing.shares.hashing - hashing.shares.of_suspects):
            held.enter_context(turn.place_of(source))
        for source in ("10.0.0.1", FLOOD.source):
            with pytest.raises(Busy):
                held.enter_context(turn.place_of(source))
        assert signin.authenticate("bob", PASSWORD, by=PERSON).id == bob.id


def test_who_signs_in_over_and_over_is_no_quicker_than_others(bob):
    trust = [(signin.authenticate("bob", PASSWORD, by=PERSON), sources.trust_of(PERSON.source))[1] for _ in range(sources.MOST_SIGN_INS + 1)]
    assert trust == [Trust.KNOWN] * sources.MOST_SIGN_INS + [Trust.NEW]


def test_one_source_with_many_waiting_has_every_other_turn_at_most(store):
    turn, heard = hashing.Turn(), []
    with all_lanes_held(turn):
        waiting = [turn.submit(source, lambda source=source: heard.append(source)) for source in ("a", *"bbbbb", "c")]
    for each in waiting:
        each.result(10)
    turn.end()
    assert sorted(heard[:4]) == ["a", "b", "b", "c"], heard


def test_who_waits_as_told_is_no_suspect(store, clock):
    for _ in range(sources.HASTY - 1):
        sources.refused(PERSON.source, Busy())
    clock(seconds=sources.HASTY_SECONDS)
    sources.refused(PERSON.source, Busy())
    assert sources.trust_of(PERSON.source) == Trust.NEW and sources.trust_of("") == Trust.KNOWN


def test_who_mistypes_is_no_suspect_once_he_has_typed_again_and_who_signed_in_is_known_to_every_process(bob, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def told(password: str, seconds: float) -> Trust:
        nonlocal now
        with suppress(WrongCredentials):
            signin.authenticate("bob", password, by=PERSON)
        now += seconds
        return sources.trust_of(PERSON.source)
    assert told("a typo", 0) == Trust.SUSPECT
    assert told(PASSWORD, sources.TYPING_SECONDS) == Trust.KNOWN
    assert told("a typo", sources.TYPING_SECONDS) == Trust.SUSPECT, "the second within the minute"
    now += sources.SUSPECT_SECONDS
    assert sources.trust_of(PERSON.source) == Trust.KNOWN and sources.trust_of(FLOOD.source) == Trust.NEW
    if not (child := os.fork()):
        sources.succeeded(FLOOD.source)
        os._exit(0)
    os.waitpid(child, 0)
    assert sources.trust_of(FLOOD.source) == Trust.KNOWN
    now += sources.KNOWN_SECONDS
    assert sources.trust_of(FLOOD.source) == Trust.NEW


@contextmanager
def all_lanes_held(turn: hashing.Turn) -> Iterator[None]:
    gate, begun = threading.Event(), threading.Barrier(len(turn.lanes) + 1)
    running = [lane.submit("first", lambda: (begun.wait(10), gate.wait(10))) for lane in turn.lanes.values()]
    begun.wait(10)
    yield
    gate.set()
    for each in running:
        each.result(10)


def test_two_turns_of_three_are_the_last_comers_and_suspects_wait_for_nobody_but_each_other(store):
    heard: dict[Trust, list[str]] = {Trust.NEW: [], Trust.SUSPECT: []}
    turn = hashing.Turn()
    for bad in ("bad 1", "bad 2"):
        sources.failed(bad)
    with all_lanes_held(turn):
        waiting = [turn.submit(each, lambda each=each: heard[sources.trust_of(each)].append(each))
                   for each in ("bad 1", "a", "b", "bad 2", "c", "d")]
    for each in waiting:
        each.result(10)
    turn.end()
    assert heard == {Trust.NEW: ["d", "a", "c", "b"], Trust.SUSPECT: ["bad 2", "bad 1"]}


def test_the_thread_that_checks_suspects_rests_as_long_as_it_worked(store):
    begun: dict[str, list[float]] = {PERSON.source: [], FLOOD.source: []}
    for _ in range(2):
        sources.failed(FLOOD.source)
    turn = hashing.Turn()
    for each in [turn.submit(source, lambda source=source: (begun[source].append(time.monotonic()), time.sleep(0.2)))
                 for source in begun for _ in range(2)]:
        each.result(10)
    turn.end()
    person, flood = (second - first for first, second in begun.values())
    assert 0.2 <= person < flood and flood >= 0.4


def test_the_first_who_waits_gives_way_to_whoever_finds_no_place_after_a_second(bob, monkeypatch):
    turn = hashing.this_process()
    with ThreadPoolExecutor(1) as others, ExitStack() as held, all_lanes_held(turn):
        first = others.submit(lambda: hashing.in_turn(lambda: None, source="the first"))
        while not turn.lanes[Trust.NEW].waiting:
            time.sleep(0.001)
        for number in range(hashing.shares.of_new - 1):
            held.enter_context(turn.place_of(f"10.0.0.{number}"))
        with pytest.raises(Busy):
            signin.authenticate("bob", PASSWORD, by=PERSON)
        assert Throttle.select().count() == 0 and not first.done()
        monkeypatch.setattr(hashing, "PATIENCE_SECONDS", 0)
        hashing.must_have_room(PERSON.source)
        held.enter_context(turn.place_of(PERSON.source))
        with pytest.raises(Busy):
            first.result(10)
        with pytest.raises(Busy):
            held.enter_context(turn.place_of(FLOOD.source))
    assert signin.authenticate("bob", PASSWORD, by=PERSON).id == bob.id and turn.held.total() == 0


def test_one_who_makes_accounts_leaves_places_to_others(ada, bob):
    with ExitStack() as flooding:
        for _ in range(hashing.shares.of_one_source):
            flooding.enter_context(sources.attempt(FLOOD.source, hashing.shares.of_one_source))
        with pytest.raises(Busy):
            registration.register({"username": "eve"}, PASSWORD, by=FLOOD)
        assert registration.register({"username": "eve"}, PASSWORD, by=PERSON).username == "eve"
    assert registration.register({"username": "zoe"}, PASSWORD, by=FLOOD).username == "zoe" and not sources._under_way


def test_what_was_turned_away_is_written_within_the_minute_and_names_a_source_only_where_it_was_one(store, clock):
    def written():
        return [(each.accounts, each.source, each.door) for each in Change.select().where(Change.kind == "turned-away").order_by(Change.id)]
    for _ in range(5):
        turned_away.add(FLOOD)
    assert written() == [(1, FLOOD.source, "browser")]
    turned_away.write_due()
    assert len(written()) == 1, "not before a minute has passed"
    clock(seconds=61)
    turned_away.write_due()
    turned_away.write_due()
    assert written()[1:] == [(4, FLOOD.source, "browser")]
    turned_away.add(FLOOD)
    turned_away.add(replace(PERSON, door="users_v2_basic"))
    clock(seconds=61)
    turned_away.write_due()
    assert written()[2:] == [(2, "", "")]
    lines = [shown.line(each) for each in activity.page(activity.Filter(kind="turned-away")).entries]
    assert [(each.whom_more, each.through) for each in lines] == [("2 attempts", "several doors"), ("4 attempts", "the console"), ("", "the console")]


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


def test_a_script_of_many_connections_is_checked_once(bob, monkeypatch):
    """Eight requests at once, with a password that nobody remembers yet: none is refused, and two check it at most."""
    paid, check = [], passwords._check

    def slow(*given):
        paid.append(1)
        time.sleep(0.1)
        return check(*given)
    monkeypatch.setattr(passwords, "_check", slow)
    found = at_once(*[lambda: signin.basic("bob", PASSWORD, by=PERSON).id for _ in range(8)])
    assert found == [bob.id] * 8 and len(paid) <= 8 - hashing.shares.on_another
    paid.clear()
    assert signin.basic("bob", PASSWORD, by=PERSON).id == bob.id and not paid


def test_somebody_proves_it_again_before_it_is_forgotten(bob, monkeypatch):
    """One of many connections; the others, and a refusal by the throttle, rest on what is still known."""
    signin.basic("bob", PASSWORD, by=PERSON)
    [(proof, until)] = signin._memory.until.items()
    signin._memory.until[proof] = until - proofs.Memory.SECONDS + proofs.Memory.EARLY - 1
    paid, check = [], passwords._check
    monkeypatch.setattr(passwords, "_check", lambda *given: (paid.append(1), time.sleep(0.1), check(*given))[2])
    with monkeypatch.context() as full:
        full.setattr(hashing, "must_have_room", lambda source: (_ for _ in ()).throw(Busy()))
        assert signin.basic("bob", PASSWORD, by=PERSON).id == bob.id and not paid
    assert at_once(*[lambda: signin.basic("bob", PASSWORD, by=PERSON).id for _ in range(6)]) == [bob.id] * 6
    assert len(paid) == 1 and signin._memory.is_fresh(proof) and not signin._memory.checking


def test_who_waited_for_a_check_that_failed_is_checked_himself(bob):
    told = at_once(*[lambda: signin.basic("bob", "wrong password", by=PERSON) for _ in range(4)])
    assert kinds(told) == ["WrongCredentials"] * 4
    assert [row.failures for row in Throttle.select().order_by(Throttle.in_a_row)] == [4, 4], "of the source and of the account"
    assert not signin._memory.checking and not signin._memory.waiting


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
