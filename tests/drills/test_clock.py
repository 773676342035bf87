"""A clock that is set back or ahead while the server runs: nothing crashes, nothing lives for ever, nobody is locked out for long (R8)."""
from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest

from tests.conftest import BROWSER, PASSWORD
from tests.drills.console import BASIC, NAME, Client, Console, must_be_whole, rows, signed_in
from webadmin import keeper
from webadmin.accounts import expiry, sessions, signin, throttle, tokens, users, verification
from webadmin.accounts.errors import TooManyAttempts, WrongCredentials
from webadmin.accounts.models import Change
from webadmin.serving import listener


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
        assert told.retry_after <= throttle.LONGEST_WAIT_MS // 1000


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


LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Wrong:
    """A server whose machine's own clock is moved while it runs, and one connection that stays open all the time."""

    def __init__(self, console: Console, file: Path):
        self.console, self.file, self.client = console, file, Client(console.port, 20)

    def close(self) -> None:
        self.client.close()

    def move(self, days: int) -> None:
        self.file.write_text(f"{days:+d}d")

    def told(self, method: str, path: str, body: object = None, **headers: str) -> int:
        status, self.answer = self.client.send(method, path, body, **headers)
        self.headers = self.client.headers
        assert status < 500, (method, path, self.answer)
        return status

    def new_cookie(self) -> dict[str, str]:
        return signed_in(self.client)

    def new_bearer(self) -> dict[str, str]:
        assert self.told("POST", "/api/v1/login", {"login": NAME, "password": PASSWORD}) == 200
        return {"Authorization": f"Bearer {json.loads(self.answer)['access_token']}"}

    def sign_in_made(self, password: str) -> int:
        return self.told("POST", "/api/v1/login", {"login": "made", "password": password})

    def may_read(self, sign: dict[str, str]) -> bool:
        return self.told("GET", "/users" if "Cookie" in sign else "/api/v1/users", **sign) == 200


@pytest.fixture
def wrong(tmp_path: Path):
    if LIBRARY is None:
        (pytest.fail if os.environ.get("WEBADMIN_TEST_ALL") else pytest.skip)("libfaketime is not installed (Debian's package faketime)")
    (tmp_path / "offset").write_text("+0d")
    moved = Console(tmp_path / "data", LD_PRELOAD=str(LIBRARY), FAKETIME_TIMESTAMP_FILE=str(tmp_path / "offset"), FAKETIME_NO_CACHE="1",
                    FAKETIME_DONT_FAKE_MONOTONIC="1")
    with moved.killed_afterwards():
        try:
            moved.start()
        except AssertionError:      # now and then two processes wait for each other inside libfaketime before the first answer
            moved.kill()
            moved.start()
        with contextlib.closing(Wrong(moved, tmp_path / "offset")) as wrong:
            yield wrong


def test_the_clock_of_the_machine_jumps_under_a_server(wrong: Wrong, jump: int) -> None:
    before = [wrong.new_cookie(), wrong.new_bearer()]
    assert all(map(wrong.may_read, before))
    wrong.move(jump)
    time.sleep(1.5 * listener.LOOK_SECONDS)      # its one connection is looked at meanwhile, and nothing of it is closed
    meanwhile = [wrong.new_cookie(), wrong.new_bearer()]
    assert all(map(wrong.may_read, meanwhile)) and not (jump > 0 and any(map(wrong.may_read, before)))
    assert wrong.told("POST", "/api/v2/users/made", {"password": "made and a long tail"}, Authorization=BASIC) == 200
    assert [wrong.sign_in_made("a wrong password") for _ in range(11)] == [401] * 10 + [429]
    assert int(wrong.headers["Retry-After"]) <= 900
    wrong.move(0)
    assert wrong.may_read(wrong.new_cookie()) and wrong.may_read(wrong.new_bearer())
    assert wrong.sign_in_made("made and a long tail") in (200, 429)
    wrong.move(max(jump, 0) + 31)
    assert not any(map(wrong.may_read, before + meanwhile)) and wrong.sign_in_made("made and a long tail") == 200
    log = [json.loads(line) for line in wrong.console.log.read_text().splitlines() if line.startswith("{")]
    assert not [line for line in log if line["event"] in ("error", "warning") or line.get("status") == 500]
    assert wrong.console.command("verify-log").returncode == 0
    order = [number for (number,) in rows(wrong.console.database, "SELECT id FROM change ORDER BY rowid")]
    assert order == [*range(1, len(order) + 1)]
    must_be_whole(wrong.console.database)
