"""The one gate: who gets in, who has to wait, and what an answer gives away."""
from __future__ import annotations

import bcrypt
import pytest

from tests.conftest import BROWSER, PASSWORD, again, at_once
from webadmin.accounts import passwords, signin, throttle, users
from webadmin.accounts.actors import Actor
from webadmin.accounts.errors import Busy, TooManyAttempts, WrongCredentials
from webadmin.accounts.models import Account, Change, Role, Throttle
from webadmin.store import database


def attempt(name: str = "bob", password: str = "wrong password", source: str = "198.51.100.1", device: str = "") -> str:
    """What a client is told: the class of the refusal and its sentence, or "in"."""
    try:
        signin.authenticate(name, password, by=Actor(door="browser", source=source, request_id="test"), device=device)
    except (WrongCredentials, TooManyAttempts, Busy) as refused:
        return f"{type(refused).__name__}: {refused.sentence}"
    return "in"


def fail(times: int, **how: str) -> list[str]:
    """Fail from a source of its own each time, so that only the account's counter counts."""
    return [attempt(**{"source": f"203.0.113.{number % 250}", **how}) for number in range(times)]


@pytest.mark.parametrize("name", ["bob", "BOB", " bob ", "bob@example.com", "Bob@Example.com", "ｂｏｂ"])
def test_username_or_email_opens_the_account(bob, name):
    assert attempt(name, PASSWORD) == "in" and again(bob).last_signed_in_at > 0


def test_one_answer_for_every_reason_to_refuse(ada, bob, carol, person, by_ada):
    users.disable(bob, by=by_ada)
    users.delete(carol, by=by_ada)
    person("over", expires_at=database.now() - 1)
    person("healthy")
    answers = {attempt(name, word) for name in ("bob", "carol", "over") for word in (PASSWORD, "wrong")} | {attempt("healthy", "wrong"), attempt("nobody", "wrong"),
               attempt("", ""), attempt("healthy", "x" * 4000), attempt("healthy", "\ud800"), attempt("a\0b", "a\0b"), attempt("\ud800", "wrong")}
    assert answers == {"WrongCredentials: The name or the password is wrong."}


def test_every_refusal_pays_for_exactly_one_check(ada, bob, carol, by_ada, monkeypatch):
    users.disable(bob, by=by_ada)
    users.delete(carol, by=by_ada)
    paid = []
    real = passwords._check
    monkeypatch.setattr(passwords, "_check", lambda *given: (paid.append(1), real(*given))[1])
    for name, word in (("bob", PASSWORD), ("carol", PASSWORD), ("ada", "wrong"), ("nobody", "wrong"), ("ada", PASSWORD)):
        paid.clear()
        attempt(name, word)
        assert len(paid) == 1, name


def test_the_eleventh_attempt_waits_even_with_the_right_password(bob, clock):
    assert set(fail(10)) == {"WrongCredentials: The name or the password is wrong."}
    assert attempt("bob", PASSWORD) == "TooManyAttempts: Too many wrong passwords. Try again in 1 minute."
    clock(seconds=61)
    assert attempt("bob", PASSWORD) == "in"
    assert set(fail(10)) == {"WrongCredentials: The name or the password is wrong."}, "a success begins anew"


def test_waits_double_up_to_a_quarter_of_an_hour(bob, clock):
    fail(10)
    for minutes in (1, 2, 4, 8, 15, 15):
        with pytest.raises(TooManyAttempts) as wait:
            signin.authenticate("bob", PASSWORD, by=BROWSER)
        assert minutes * 60 - 5 <= wait.value.retry_after <= minutes * 60
        clock(seconds=minutes * 60 + 1)
        assert attempt(source="192.0.2.9").startswith("Wrong")


def test_unknown_names_wait_exactly_alike(bob, clock):
    def story(name):
        told = []
        for _ in range(3):
            told += fail(12, name=name)
            clock(seconds=121)
        return told
    assert story("bob") == story("nobody") == story("no body \0")


def test_username_and_email_share_one_counter(bob):
    fail(5, name="bob")
    fail(5, name="bob@example.com")
    assert attempt("bob", PASSWORD).startswith("TooMany") and attempt("bob@example.com", PASSWORD).startswith("TooMany")


def test_failures_are_forgotten_after_half_a_day(bob, clock):
    fail(9)
    clock(hours=12, minutes=1)
    assert all(told.startswith("Wrong") for told in fail(9))


def test_a_known_device_is_not_locked_out_by_strangers(bob):
    device = throttle.know_device(bob)
    fail(12)
    assert attempt("bob", PASSWORD, device=device) == "in"
    assert attempt("bob", PASSWORD).startswith("TooMany") or attempt("bob", PASSWORD) == "in"


def test_a_known_device_has_a_limit_of_its_own(bob):
    device = throttle.know_device(bob)
    fail(10, device=device)
    assert attempt("bob", PASSWORD, device=device).startswith("TooMany")
    assert attempt("bob", PASSWORD, device=throttle.know_device(bob)) == "in"


@pytest.mark.parametrize("device", ["x", ".", "x.", ".x", "a.b.c", "é.é", "x" * 9000])
def test_a_device_nobody_knows_counts_as_a_stranger(bob, carol, device):
    fail(10)
    assert attempt("bob", PASSWORD, device=device).startswith("TooMany")
    assert attempt("bob", PASSWORD, device=throttle.know_device(carol)).startswith("TooMany")


def test_a_source_has_sixty_failures_a_minute(bob, clock):
    told = [attempt(f"name{number}") for number in range(61)]
    assert all(each.startswith("Wrong") for each in told[:60]) and told[60].startswith("TooMany")
    assert attempt("bob", PASSWORD).startswith("TooMany") and attempt("bob", PASSWORD, source="198.51.100.2") == "in"
    assert attempt("bob", PASSWORD, device=throttle.know_device(bob)) == "in", "a known device passes"
    clock(seconds=61)
    assert attempt("bob", PASSWORD) == "in"


def test_good_sign_ins_do_not_use_a_source_up(bob):
    assert {attempt("bob", PASSWORD) for _ in range(70)} == {"in"}


def test_an_ipv6_subscriber_is_one_source(store):
    for number in range(60):
        attempt(f"name{number}", source=f"2001:db8:1:2:{number:x}::7")
    assert attempt("other", source="2001:db8:1:2:ffff::1").startswith("TooMany")
    assert attempt("other", source="2001:db8:1:3::1").startswith("Wrong")


def test_an_ipv4_address_written_as_ipv6_is_the_same_source(store):
    for number in range(60):
        attempt(f"name{number}", source="198.51.100.1")
    assert attempt("other", source="::ffff:198.51.100.1").startswith("TooMany")


@pytest.mark.parametrize("hours", [-24 * 365, -1, 24 * 365])
def test_a_clock_that_jumps_locks_nobody_out(bob, clock, hours):
    fail(12)
    clock(hours=hours)
    attempt("bob", PASSWORD)
    clock(minutes=16)
    assert attempt("bob", PASSWORD, source="192.0.2.77") == "in"


def fail_in_a_row(times: int, clock, **how: str) -> None:
    for number in range(times):
        attempt(**{"source": f"192.0.2.{number % 250}", **how})
        clock(minutes=16)


def as_if_in_a_row(times: int, clock, **how: str) -> None:
    """The first and the last of them as they come; the store is told of those between."""
    fail_in_a_row(1, clock, **how)
    assert Throttle.update(in_a_row=times - 1).where(Throttle.in_a_row == 1).execute() == 1
    fail_in_a_row(1, clock, **how)


def test_a_hundred_failures_in_a_row_lock_the_password_until_it_is_set_anew(ada, bob, by_ada, clock):
    fail_in_a_row(100, clock)
    assert attempt("bob", PASSWORD) == "WrongCredentials: The name or the password is wrong."
    clock(days=2)
    assert attempt("bob", PASSWORD).startswith("Wrong")
    users.change_password(bob, "a quite new password", by=by_ada)
    assert attempt("bob", "a quite new password") == "in"


def test_a_new_password_frees_a_known_device_too(ada, bob, by_ada, clock):
    device = throttle.know_device(bob)
    as_if_in_a_row(100, clock, device=device)
    assert attempt("bob", PASSWORD, device=device).startswith("Wrong")
    users.change_password(bob, "a quite new password", by=by_ada)
    assert attempt("bob", "a quite new password", device=device) == "in"


def test_the_last_administrator_is_never_locked_for_good(ada, clock):
    as_if_in_a_row(101, clock, name="ada")
    assert attempt("ada", PASSWORD) == "in"


def test_an_administrator_among_others_is_locked(ada, person, clock):
    person("second", role=Role.ADMINISTRATOR)
    as_if_in_a_row(100, clock, name="ada")
    assert attempt("ada", PASSWORD).startswith("Wrong")


def test_attempts_at_once_gain_nothing(bob):
    told = at_once(*[lambda: attempt(source="198.51.100.3") for _ in range(14)])
    assert all(isinstance(each, str) for each in told), told
    assert sum(each.startswith("Wrong") for each in told) <= 10, told


def test_a_busy_server_counts_no_failure(bob, monkeypatch):
    def busy(*_, **__):
        raise Busy
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "matches", busy)
        assert fail(30)[0].startswith("Busy")
    assert all(told.startswith("Wrong") for told in fail(10))


@pytest.mark.parametrize("how", [{}, {"source": "198.51.100.77"}], ids=["the name waits", "the source waits"])
def test_who_must_wait_is_told_so_while_somebody_writes(bob, how):
    told = fail(12) if not how else [attempt(f"name{number}", **how) for number in range(62)]
    assert told[-1].startswith("TooMany"), "and the entry of this minute is written"
    with database.transaction():
        throttle.tallies.hold([each.name for each in Throttle.select()])
        assert at_once(lambda: attempt(**{"source": "203.0.113.9", **how}))[0].startswith("TooMany")


def test_a_flood_is_written_down_as_a_few_entries(ada, clock):
    for number in range(140):
        attempt(f"name{number}")
    assert Change.select().count() < 70
    clock(seconds=61)
    attempt("x")
    for _ in range(60):
        attempt("name")
    heard = Change.select().where(Change.kind == "wrong-password").count()
    turned_away = sum(entry.accounts for entry in Change.select().where(Change.kind == "turned-away"))
    assert heard <= 121 and turned_away >= 80


def test_the_throttle_keeps_no_name_and_no_address(bob):
    attempt("a-very-secret-name", source="198.51.100.77")
    assert "secret" not in str([row.__data__ for row in Throttle.select()]) and "198.51" not in str([row.__data__ for row in Throttle.select()])


def test_an_imported_hash_is_made_ours_at_the_next_sign_in(bob):
    foreign = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
    Account.update(password_hash=foreign, password_scheme="bcrypt-foreign").execute()
    passwords.configure(bcrypt_cost=5)
    assert attempt("bob", "wrong").startswith("Wrong") and again(bob).password_hash == foreign
    assert attempt("bob", PASSWORD) == "in" and again(bob).password_hash.startswith("$2b$05$") and again(bob).password_scheme == "bcrypt"
    assert attempt("bob", PASSWORD) == "in"


def test_a_password_that_is_old_still_opens(bob, clock):
    clock(days=400)
    assert attempt("bob", PASSWORD) == "in"


def test_right_and_right_at_once_lose_no_counter(store, ada):
    """One succeeds, and so forgets the counter, while another is about to count."""
    def sign_in_often() -> None:
        for _ in range(20):
            attempt = throttle.take(ada, "ada", "192.0.2.1", "")
            with database.transaction():
                throttle.succeeded(attempt)
    assert at_once(*[sign_in_often] * 4) == [None] * 4
