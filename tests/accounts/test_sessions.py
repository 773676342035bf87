from __future__ import annotations

import hashlib

import pytest

from tests.conftest import BROWSER, again
from webadmin.accounts import sessions, users
from webadmin.accounts.errors import NotAllowed, NotFound
from webadmin.accounts.models import Account, Role, Session
from webadmin.store import database


def begin(account, **options):
    return sessions.start(account, by=BROWSER, user_agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", **options)


def test_the_store_holds_only_the_digest_of_a_random_key(bob):
    key = begin(bob)
    assert len(key) == 43 and key != begin(bob)
    assert [hashlib.sha256(key.encode()).hexdigest()] == [row.key_hash for row in Session.select().order_by(Session.id).limit(1)]
    session, account = sessions.resume(key)
    assert account == bob and session.device == "Firefox on Linux" and session.source == "127.0.0.1"


@pytest.mark.parametrize("key", ["", "x", "a" * 43, "a" * 8192, "\ud800", "\0", "' OR 1=1 --"])
def test_a_key_that_was_never_given_out_is_nobodys(bob, key):
    begin(bob)
    assert sessions.resume(key) is None


def test_the_digest_itself_is_no_key(bob):
    begin(bob)
    assert sessions.resume(Session.select().first().key_hash) is None


def test_a_session_ends_an_hour_after_its_last_use(bob, clock):
    key = begin(bob)
    for _ in range(3):
        clock(minutes=59)
        assert sessions.resume(key)
    clock(minutes=61)
    assert sessions.resume(key) is None


def test_a_session_ends_after_a_day_however_busy(bob, clock):
    key = begin(bob)
    for _ in range(47):
        clock(minutes=30)
        assert sessions.resume(key)
    clock(minutes=31)
    assert sessions.resume(key) is None


def test_a_remembered_session_lasts_thirty_days(bob, clock):
    key = begin(bob, remember=True)
    clock(days=29, hours=23)
    assert sessions.resume(key)
    clock(hours=2)
    assert sessions.resume(key) is None


def test_the_last_use_is_kept_to_the_minute(bob, clock):
    key = begin(bob)
    first = Session.select().first().seen_at
    clock(seconds=30)
    sessions.resume(key)
    assert Session.select().first().seen_at == first
    clock(seconds=40)
    sessions.resume(key)
    assert Session.select().first().seen_at > first


@pytest.mark.parametrize("act", [users.disable, users.delete])
def test_it_ends_with_the_account(ada, bob, by_ada, act):
    key = begin(bob)
    act(bob, by=by_ada)
    assert sessions.resume(key) is None and sessions.of(bob) == []


def test_it_ends_on_the_day_the_account_ends(bob, by_ada, clock):
    users.update(bob, {"expires_at": database.now() + 60_000}, by=by_ada)
    key = begin(again(bob))
    assert sessions.resume(key)
    clock(minutes=2)
    assert sessions.resume(key) is None


def test_another_epoch_is_another_time(bob):
    key = begin(bob)
    Account.update(epoch=Account.epoch + 1).execute()
    assert sessions.resume(key) is None


def test_a_password_change_ends_all_but_the_one_that_asked(bob):
    keys = [begin(bob) for _ in range(3)]
    asked, _ = sessions.resume(keys[1])
    users.change_password(bob, "a quite new password", by=BROWSER.as_account(bob), keep=sessions.Kept(session=asked.id))
    assert [bool(sessions.resume(key)) for key in keys] == [False, True, False]
    new = sessions.renew(asked)
    assert sessions.resume(keys[1]) is None and sessions.resume(new)


def test_keeping_a_session_of_someone_else_keeps_nothing(ada, bob, by_ada):
    key, of_ada = begin(bob), begin(ada)
    mine, _ = sessions.resume(of_ada)
    users.end_sessions(bob, by=by_ada, keep=sessions.Kept(session=mine.id))
    assert sessions.resume(key) is None and sessions.resume(of_ada)


def test_a_change_of_role_either_way_ends_the_sessions(ada, bob, by_ada):
    for role in (Role.ADMINISTRATOR, Role.USER):
        key = begin(again(bob))
        users.update(bob, {"role": role}, by=by_ada)
        assert sessions.resume(key) is None


def test_a_confirmation_holds_for_a_quarter_of_an_hour(bob, clock):
    session, _ = sessions.resume(begin(bob))
    clock(minutes=14, seconds=50)
    assert sessions.confirmed(session)
    clock(seconds=20)
    assert not sessions.confirmed(session)
    fresh, _ = sessions.resume(sessions.renew(session))
    assert sessions.confirmed(fresh)


def test_a_clock_that_was_set_back_confirms_nothing(bob, clock):
    session, _ = sessions.resume(begin(bob))
    clock(hours=-1)
    assert not sessions.confirmed(session)


def test_a_person_ends_their_own_sessions_and_an_administrator_anyones(ada, bob, carol, by_ada):
    keys = [begin(bob) for _ in range(2)]
    numbers = [sessions.resume(key)[0].id for key in keys]
    with pytest.raises(NotAllowed):
        sessions.end(numbers[0], bob, by=BROWSER.as_account(carol))
    with pytest.raises(NotFound):
        sessions.end(numbers[0], carol, by=BROWSER.as_account(carol))
    sessions.end(numbers[0], bob, by=BROWSER.as_account(bob))
    assert [bool(sessions.resume(key)) for key in keys] == [False, True]
    sessions.end(numbers[1], bob, by=by_ada)
    assert sessions.resume(keys[1]) is None
    with pytest.raises(NotFound):
        sessions.end(numbers[1], bob, by=by_ada)


@pytest.mark.parametrize("number", [0, -1, 10**18, (1 << 63) - 1])
def test_a_session_that_there_is_not_is_not_found(bob, number):
    with pytest.raises(NotFound):
        sessions.end(number, bob, by=BROWSER.as_account(bob))


def test_signing_out_removes_the_row(bob):
    key = begin(bob)
    session, account = sessions.resume(key)
    sessions.sign_out(session, account, by=BROWSER.as_account(bob))
    assert sessions.resume(key) is None and not Session.select().exists()


def test_sessions_are_listed_the_last_used_first(bob, clock):
    first, second = begin(bob), begin(bob)
    clock(minutes=5)
    sessions.resume(first)
    assert [row.key_hash for row in sessions.of(bob)] == [hashlib.sha256(key.encode()).hexdigest() for key in (first, second)]


@pytest.mark.parametrize("user_agent, device", [
    ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"), ("curl/8.0", "curl"), ("", "Unknown device"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari on iPhone"), ("\x1b[31m\u202eрус", "[31m"), ("x" * 999, "x" * 40)])
def test_a_device_has_a_name_that_people_know(user_agent, device):
    assert sessions.device(user_agent) == device
