"""A store that can be read and not written: who may read goes on reading, who has the right password gets in, and guessing is counted."""
from __future__ import annotations

import logging

import pytest

from tests import unwritable
from tests.accounts.test_signin import attempt, fail
from tests.authenticator import ORIGIN, Authenticator
from tests.conftest import BROWSER, PASSWORD, again
from tests.phone import Phone
from webadmin.accounts import read_only, sessions, signin, tallies, throttle, tokens, users
from webadmin.accounts.errors import WrongCredentials
from webadmin.accounts.models import Change, Session, Throttle
from webadmin.accounts.second_factors import factors, passkeys, steps, totp
from webadmin.accounts.second_factors.ceremonies import RelyingParty
from webadmin.store import database


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def turned(settings, store, ada, bob):
    """turned() is the time in which the store is read-only."""
    throttle._memory.rows.clear()
    return lambda: unwritable.store(settings.data)


def start(account) -> str:
    return sessions.start(account, by=BROWSER, user_agent="")


def who(key: str) -> str:
    found = sessions.resume(key)
    return found[1].username if found else "nobody"


def test_it_is_known_at_once_and_over_at_once(turned):
    assert not database.is_read_only()
    with turned():
        assert database.is_read_only()
        with pytest.raises(database.ReadOnly), database.transaction():
            Throttle.insert(**tallies.new("x").__data__).execute()
    assert not database.is_read_only()
    assert attempt("bob", PASSWORD) == "in" and Throttle.select().count() == 1


def test_the_right_password_opens_and_the_wrong_one_does_not(turned, bob):
    before = Change.select().count()
    with turned():
        assert attempt("bob", PASSWORD) == "in" and attempt("bob").startswith("Wrong") and attempt("nobody").startswith("Wrong")
        assert signin.basic("bob", PASSWORD, by=BROWSER).id == bob.id
    assert (Change.select().count(), Throttle.select().count(), again(bob).last_signed_in_at) == (before, 0, 0)


def test_a_second_factor_cannot_be_marked_as_used_and_so_opens_nothing(turned, bob):
    nonce = totp.new_nonce()
    phone = Phone(totp.secret(bob, nonce))
    factors.add_app(bob, nonce, phone.code(), by=BROWSER.as_account(bob))
    with turned():
        with pytest.raises(database.ReadOnly):
            steps.begin("bob", PASSWORD, by=BROWSER)
        for typed in (PASSWORD, f"{PASSWORD}{phone.code(1)}"):
            with pytest.raises(WrongCredentials):
                signin.authenticate("bob", typed, by=BROWSER)
    assert signin.authenticate("bob", f"{PASSWORD}{phone.code(1)}", by=BROWSER).id == bob.id


def test_guessing_waits_as_ever(turned):
    with turned():
        assert set(fail(10)) == {"WrongCredentials: The name or the password is wrong."}
        assert attempt("bob", PASSWORD) == "TooManyAttempts: Too many wrong passwords. Try again in 1 minute."
        assert [attempt(f"name{number}", source="192.0.2.9")[:7] for number in range(61)] == ["WrongCr"] * 60 + ["TooMany"]


def test_who_waits_goes_on_waiting(turned, bob):
    fail(10)
    with turned():
        assert attempt("bob", PASSWORD).startswith("TooMany")
        assert attempt("bob", PASSWORD, device=throttle.know_device(bob)) == "in"


def test_a_success_begins_anew(turned):
    with turned():
        fail(9)
        assert attempt("bob", PASSWORD) == "in"
        assert set(fail(10)) == {"WrongCredentials: The name or the password is wrong."}


def test_memory_is_bounded(turned, monkeypatch):
    monkeypatch.setattr(tallies, "MOST_IN_MEMORY", 20)
    with turned():
        fail(30, name="nobody")
        for number in range(30):
            attempt(f"name{number}", source=f"192.0.2.{number}")
    assert len(throttle._memory.rows) == 20


def test_a_session_stands_in_the_cookie_alone(turned, bob):
    with turned():
        key = start(bob)
        assert who(key) == "bob" and len(key) < 200 and sessions.resume(key)[0].id == 0
    assert Session.select().count() == 0


def test_it_is_over_when_the_store_can_be_written_again(turned, bob):
    with turned():
        key = start(bob)
    assert who(key) == "nobody"


def test_an_older_session_goes_on(turned, bob):
    key = start(bob)
    with turned():
        assert who(key) == "bob"
        with pytest.raises(database.ReadOnly):
            sessions.sign_out(*sessions.resume(key), by=BROWSER)
    assert who(key) == "bob"


def test_signing_out_ends_all_of_the_account_and_none_of_others(turned, ada, bob):
    with turned():
        first, second, other = start(bob), start(bob), start(ada)
        sessions.sign_out(*sessions.resume(first), by=BROWSER)
        assert [who(key) for key in (first, second, other)] == ["nobody", "nobody", "ada"]


@pytest.mark.parametrize("what", ["disabled", "deleted", "password"])
def test_what_ends_an_account_ends_it(turned, bob, by_ada, what):
    act = {"disabled": lambda: users.disable(bob, by=by_ada), "deleted": lambda: users.delete(bob, by=by_ada),
           "password": lambda: users.change_password(bob, "a quite new password", by=by_ada)}[what]
    with turned():
        key = start(bob)
    act()
    with turned():
        assert who(key) == "nobody"


def test_nobody_makes_one(turned, ada, bob):
    with turned():
        key = start(bob)
        number, rest = key.split(".", 1)
        spoilt = [f"{ada.id}.{rest}", key[:-1], key + "0", key.upper(), f"{number}.9{rest}", "....", key.replace(".", "..", 1), f" {key}", "\ud800."]
        spoilt += [key[:place] + chr(ord(key[place]) ^ 1) + key[place + 1:] for place in range(len(key))]
        assert {who(each) for each in spoilt} == {"nobody"} and who(key) == "bob"


def test_it_lasts_an_hour_at_most(turned, bob, monkeypatch):
    with turned():
        key, now = start(bob), read_only._now
        for minutes, told in ((59, "bob"), (61, "nobody"), (-1, "nobody")):
            monkeypatch.setattr(read_only, "_now", lambda minutes=minutes: now() + minutes * 60_000)
            assert who(key) == told


def test_scripts_that_want_a_row_of_their_own_are_refused(turned, bob):
    bearer = tokens.issue(bob, tokens.start(bob, tokens.V1, by=BROWSER))
    with turned():
        assert tokens.read(bearer, (tokens.V1,)).account.id == bob.id
        with pytest.raises(database.ReadOnly):
            tokens.start(bob, tokens.V1, by=BROWSER)


def test_what_the_log_cannot_take_stands_in_the_servers_own(turned, bob, caplog):
    with turned(), caplog.at_level(logging.WARNING):
        attempt("bob", PASSWORD)
        attempt("bob", "a secret typed by mistake")
    said = [record.getMessage() for record in caplog.records]
    assert ["signed-in" in said[0], "wrong-password" in said[1]] == [True, True] and all(f"account {bob.id}," in each for each in said)
    assert "secret" not in caplog.text


def test_a_passkey_opens_nothing_because_its_challenge_could_not_be_marked_as_answered(turned, bob):
    device, site, by = Authenticator(), RelyingParty("localhost", ORIGIN), BROWSER.as_account(bob)
    passkeys.add(bob, device.create(passkeys.begin_adding(bob, site, by=by)), "Phone", site, by=by)
    with turned(), pytest.raises(database.ReadOnly):
        passkeys.sign_in(device.get(passkeys.begin_sign_in(site)), site, by=BROWSER)
    assert passkeys.sign_in(device.get(passkeys.begin_sign_in(site)), site, by=BROWSER) == bob
