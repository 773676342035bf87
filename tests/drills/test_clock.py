"""A clock that is set back or ahead while the server runs: nothing crashes, nothing lives for ever, nobody is locked out for long (R8)."""
from __future__ import annotations

import pytest

from tests.conftest import BROWSER, PASSWORD
from webadmin import keeper
from webadmin.accounts import expiry, sessions, signin, throttle, tokens, users, verification
from webadmin.accounts.errors import TooManyAttempts, WrongCredentials
from webadmin.accounts.models import Change


@pytest.fixture(params=[-400, 400])
def jump(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_no_session_and_no_token_lives_longer_than_its_time(bob, clock, jump):
    """What was made while the clock was wrong is over once it has been right again for the longest time there is."""
    clock(days=jump)
    key, login = sessions.start(bob, by=BROWSER, user_agent="", remember=True), tokens.start(bob, tokens.V1, by=BROWSER)
    token = tokens.issue(bob, login)
    clock(days=-jump)
    if jump < 0:
        assert sessions.resume(key) is None
    clock(days=31 if jump < 0 else jump + 31)
    assert sessions.resume(key) is None
    with pytest.raises(tokens.TokenRefused):
        tokens.read(token, (tokens.V1,))


def test_nobody_waits_longer_than_a_quarter_of_an_hour(bob, clock, jump):
    for number in range(10):
        with pytest.raises(WrongCredentials):
            signin.authenticate("bob", "wrong password", by=signin.Actor(door="browser", source=f"192.0.2.{number}"))
    clock(days=jump)
    try:
        signin.authenticate("bob", PASSWORD, by=BROWSER)
    except TooManyAttempts as told:
        assert told.retry_after <= throttle.LONGEST_WAIT // 1000


def test_the_log_keeps_its_order(ada, bob, by_ada, clock, jump):
    for name in ("one", "two"):
        users.update(bob, {"first_name": name}, by=by_ada)
        clock(days=jump)
    users.update(bob, {"first_name": "three"}, by=by_ada)
    assert [entry.id for entry in Change.select().order_by(Change.id)] == [1, 2, 3, 4, 5]
    assert verification.verify().trouble == ""


def test_the_work_by_the_clock_goes_on(ada, settings, clock, jump):
    assert keeper.run_due(settings) == ["expiry", "log head"]
    clock(days=jump)
    assert keeper.run_due(settings) == ["expiry", "log head"]
    assert expiry.remove_old(log_days=1) in ({}, {"log entries": 1}) and verification.verify().trouble == ""
