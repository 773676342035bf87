"""Second factors: codes of an app and recovery codes, each good once, and what adding, removing and resetting them ends."""
from __future__ import annotations

import base64
import re
from contextlib import suppress

import pyotp
import pytest

from tests.conftest import BROWSER, PASSWORD, again, at_once
from tests.phone import Phone
from webadmin.accounts import expiry, keys, policies, sessions, signin, throttle, tokens, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import Invalid, NotAllowed, NotFound, SignInOver, TooManyAttempts, WrongCode, WrongCredentials
from webadmin.accounts.models import Authenticator, Change, Detail, Login, PendingSignIn, RecoveryCode, Role, Session
from webadmin.accounts.second_factors import factors, recovery, steps, totp
from webadmin.store import database


class App(Phone):
    """A phone that has read the QR code of somebody's new app."""

    def __init__(self, account):
        self.nonce = totp.new_nonce()
        read = pyotp.parse_uri(totp.address(account, self.nonce, "webadmin"))
        assert (read.name, read.issuer) == (account.username, "webadmin")
        super().__init__(read.secret)


@pytest.fixture
def by_bob(bob):
    return BROWSER.as_account(bob)


@pytest.fixture
def phone(bob, by_bob, clock):
    """Bob has an app; the code that proved it is half a minute ago."""
    made = App(bob)
    made.codes = factors.add_app(bob, made.nonce, made.code(), by=by_bob)
    clock(seconds=60)
    return made


def owe(name="bob", password=PASSWORD, **options) -> str:
    """The token of a sign-in that waits for the second factor."""
    return steps.begin(name, password, by=BROWSER, **options).token


def finish(token: str, typed: str):
    return steps.finish(token, lambda held: factors.accept(held, typed, by=BROWSER), by=BROWSER)


def kinds_of(account) -> list[str]:
    return [each.kind for each in Change.select().where(Change.account_id == account.id).order_by(Change.id)]


def test_codes_are_those_of_rfc_6238(store, monkeypatch, bob, clock):
    """Appendix B, the last six of its eight digits."""
    monkeypatch.setattr(totp, "secret", lambda *_: base64.b32encode(b"12345678901234567890").decode())
    for second, digits in ((59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")):
        monkeypatch.setattr(database, "now", lambda second=second: second * 1000)
        assert totp.step(bob, "x", digits) == second // 30


def test_the_store_holds_nothing_that_a_code_could_be_made_of(phone, bob):
    held = str([list(table.select().dicts()) for table in (Authenticator, RecoveryCode, Change, Detail)])
    secret = totp.secret(bob, phone.nonce)
    assert len(base64.b32decode(secret)) == 20 and secret not in held and base64.b32decode(secret).hex() not in held
    assert not [code for code in phone.codes if code in held or code.replace("-", "") in held]


def test_another_key_account_or_nonce_is_another_secret(phone, bob, carol, monkeypatch):
    secret = totp.secret(bob, phone.nonce)
    assert secret not in (totp.secret(carol, phone.nonce), totp.secret(bob, totp.new_nonce()))
    monkeypatch.setitem(keys._keys, "factors", b"another key" * 6)
    assert totp.secret(bob, phone.nonce) != secret


def test_a_code_is_good_for_one_step_either_way_and_once(phone, bob, clock):
    clock(minutes=5)
    taken = []
    for on in (-2, -1, 0, 1, 2):
        with database.transaction():
            taken.append(factors.accept(bob, phone.code(on), by=BROWSER))
    assert taken == [False, True, True, True, False]
    with database.transaction():
        assert not any(factors.accept(bob, phone.code(on), by=BROWSER) for on in (-1, 0, 1)), "replayed"


def test_a_later_code_makes_the_earlier_ones_worthless(phone, bob):
    with database.transaction():
        assert factors.accept(bob, phone.code(1), by=BROWSER) and not factors.accept(bob, phone.code(0), by=BROWSER)


def test_the_code_that_added_the_app_opens_nothing(bob, by_bob):
    app = App(bob)
    code = app.code()
    factors.add_app(bob, app.nonce, code, by=by_bob)
    with pytest.raises(WrongCode):
        finish(owe(), code)


def test_one_code_sent_twice_at_once_is_taken_once(phone, bob):
    tokens_, code = [owe() for _ in range(4)], phone.code()
    told = at_once(*[lambda token=token: finish(token, code) for token in tokens_])
    assert sum(isinstance(each, tuple) for each in told) == 1 and sum(isinstance(each, WrongCode) for each in told) == 3, told


def test_one_recovery_code_sent_twice_at_once_is_taken_once(phone, bob):
    tokens_ = [owe() for _ in range(4)]
    told = at_once(*[lambda token=token: finish(token, phone.codes[0]) for token in tokens_])
    assert sum(isinstance(each, tuple) for each in told) == 1 and recovery.left(bob) == 9, told


@pytest.mark.parametrize("hours", [-24 * 400, -1, 24 * 400])
def test_a_clock_that_jumps_locks_no_app_out(phone, bob, clock, hours):
    finish(owe(), phone.code())
    clock(hours=hours)
    throttle.forgive_all()
    finish(owe(), phone.code(1))


@pytest.mark.parametrize("typed", ["{} {}", " {}{} ", "{}-{}", "{}\u00a0{}"])
def test_a_code_may_be_typed_with_spaces(phone, typed):
    code = phone.code()
    finish(owe(), typed.format(code[:3], code[3:]))


def test_full_width_digits_are_digits(phone):
    finish(owe(), "".join(chr(ord(digit) + 0xFEE0) for digit in phone.code()))


@pytest.mark.parametrize("typed", ["", " ", "12345", "1234567", "abcdef", "x" * 4000, "\ud800", "\0", "' OR 1=1", "٣٣٣٣٣٣", "-", "00000-00000"])
def test_junk_is_no_code(phone, typed):
    with pytest.raises(WrongCode):
        finish(owe(), typed)


def test_recovery_codes_have_fifty_bits_of_an_unambiguous_alphabet(phone):
    assert len(set(phone.codes)) == 10 and all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code) for code in phone.codes)
    assert len(recovery.ALPHABET) == 32, "five bits a letter"


def test_a_recovery_code_is_good_once_however_it_is_typed(phone, bob):
    one, two = phone.codes[:2]
    finish(owe(), one.lower().replace("-", " ").replace("0", "o").replace("1", "l"))
    assert recovery.left(bob) == 9 and kinds_of(bob)[-2:] == ["code-used", "signed-in"]
    with pytest.raises(WrongCode):
        finish(owe(), one)
    finish(owe(), two.replace("-", ""))
    assert recovery.left(bob) == 8


def test_a_recovery_code_of_somebody_else_opens_nothing(phone, carol):
    other = App(carol)
    codes = factors.add_app(carol, other.nonce, other.code(), by=BROWSER.as_account(carol))
    with pytest.raises(WrongCode):
        finish(owe(), codes[0])


def test_new_codes_make_the_old_ones_worthless(phone, bob, by_bob):
    new = factors.new_codes(bob, by=by_bob)
    with pytest.raises(WrongCode):
        finish(owe(), phone.codes[0])
    finish(owe(), new[0])
    assert "codes-made" in kinds_of(bob)


def test_an_account_without_a_factor_gets_no_codes(bob, by_bob):
    with pytest.raises(Invalid):
        factors.new_codes(bob, by=by_bob)
    assert not RecoveryCode.select().exists()


def test_a_wrong_first_code_adds_nothing(bob, by_bob):
    app = App(bob)
    with pytest.raises(factors.WrongNewCode):
        factors.add_app(bob, app.nonce, app.wrong(), by=by_bob)
    assert not factors.of(bob).any and not RecoveryCode.select().exists() and kinds_of(bob) == ["created"]


def test_adding_ends_everything_that_the_password_alone_opened_but_the_session_that_asked(bob, by_bob):
    own, other = (sessions.start(bob, by=BROWSER, user_agent="Firefox on Linux") for _ in range(2))
    tokens.start(bob, tokens.CHIRPY, by=BROWSER)
    this = sessions.resume(own)[0]
    app = App(bob)
    factors.add_app(bob, app.nonce, app.code(), by=by_bob, keep=sessions.Kept(session=this.id))
    assert sessions.resume(own) and not sessions.resume(other) and not Login.select().exists()


def test_removing_the_last_factor_takes_the_codes_and_every_other_session(phone, bob, by_bob):
    other = sessions.start(again(bob), by=BROWSER, user_agent="Firefox on Linux")
    factors.remove_app(bob, by=by_bob)
    assert not factors.of(bob).any and not RecoveryCode.select().exists() and not sessions.resume(other)
    assert owe() == "" and kinds_of(bob)[-2:] == ["factor-removed", "signed-in"]
    with pytest.raises(NotFound):
        factors.remove_app(bob, by=by_bob)


def test_another_phone_takes_the_place_of_the_first_and_leaves_the_codes(phone, bob, by_bob, clock):
    new = App(bob)
    assert factors.add_app(bob, new.nonce, new.code(), by=by_bob) == [] and recovery.left(bob) == 10
    clock(seconds=60)
    with pytest.raises(WrongCode):
        finish(owe(), phone.code())
    finish(owe(), new.code())


def test_nobody_adds_or_removes_a_factor_of_somebody_else(phone, ada, bob, carol, by_ada):
    app = App(carol)
    for act in (lambda: factors.add_app(carol, app.nonce, app.code(), by=by_ada), lambda: factors.remove_app(bob, by=by_ada), lambda: factors.new_codes(bob, by=by_ada),
                lambda: factors.reset(bob, by=BROWSER.as_account(carol)), lambda: factors.reset(bob, by=BROWSER.as_account(bob))):
        with pytest.raises(NotAllowed):
            act()
    assert factors.of(bob).any and not factors.of(carol).any


def test_a_reset_takes_all_factors_and_ends_every_session(phone, ada, bob, by_ada):
    key = sessions.start(again(bob), by=BROWSER, user_agent="Firefox on Linux")
    waiting = owe()
    factors.reset(bob, by=by_ada)
    assert not sessions.resume(key) and owe() == "" and not RecoveryCode.select().exists() and "factors-reset" in kinds_of(bob)
    with pytest.raises(SignInOver):
        finish(waiting, phone.codes[0])
    with pytest.raises(Invalid):
        factors.reset(bob, by=by_ada)


def test_a_purge_leaves_nothing_of_the_factors(phone, bob):
    owe()
    users.purge(users.delete(bob, by=COMMAND_LINE), by=COMMAND_LINE)
    assert not any(table.select().where(table.account_id == bob.id).exists() for table in (Authenticator, RecoveryCode, PendingSignIn))


def test_a_right_password_alone_is_no_sign_in(phone, bob):
    assert len(owe()) == 43
    assert again(bob).last_signed_in_at == 0 and "signed-in" not in kinds_of(bob) and not Session.select().exists()
    done, account = finish(owe(remember=True, going_to="/users?q=a"), phone.code())
    assert (account.id, done.remember, done.going_to) == (bob.id, True, "/users?q=a")
    assert again(bob).last_signed_in_at > 0 and kinds_of(bob)[-1] == "signed-in"


def test_the_store_holds_only_a_keyed_digest_of_what_waits(phone):
    token = owe()
    assert token not in str(list(PendingSignIn.select().dicts()))
    with pytest.raises(SignInOver):
        steps.look(PendingSignIn.get().digest)


def test_what_waits_ends_after_five_minutes_and_after_its_use(phone, clock):
    token, other = owe(), owe()
    finish(token, phone.code())
    with pytest.raises(SignInOver):
        finish(token, phone.codes[0])
    clock(minutes=5)
    with pytest.raises(SignInOver):
        finish(other, phone.codes[0])
    assert expiry.remove_old(log_days=0)["pending sign-ins"] == 1 and not PendingSignIn.select().exists()


def test_five_wrong_codes_end_what_waits(phone):
    token = owe()
    for _ in range(5):
        with pytest.raises(WrongCode):
            finish(token, phone.wrong())
    with pytest.raises(SignInOver):
        finish(token, phone.code())


@pytest.mark.parametrize("act", [lambda bob: users.change_password(bob, "a quite new password", by=COMMAND_LINE), lambda bob: users.disable(bob, by=COMMAND_LINE),
                                 lambda bob: users.delete(bob, by=COMMAND_LINE), lambda bob: users.end_sessions(bob, by=COMMAND_LINE)], ids=["password", "disable", "delete", "end sessions"])
def test_what_waits_ends_with_the_epoch(phone, bob, act):
    token = owe()
    act(bob)
    with pytest.raises(SignInOver):
        finish(token, phone.code())


def test_a_known_password_gives_no_free_guesses(phone, clock):
    """A right password between wrong codes resets nothing: after ten codes everybody waits, as after ten passwords."""
    for _ in range(5):
        token = owe()
        for _ in range(2):
            with pytest.raises(WrongCode):
                finish(token, phone.wrong())
    for act, words in ((owe, "passwords"), (lambda: finish(token, phone.code()), "passwords or codes")):
        with pytest.raises(TooManyAttempts, match=f"^Too many wrong {words}[.] Try again in"):
            act()


def test_a_wait_ends_no_sign_in_half_way(phone, clock):
    """The first step counts as a failure until the second is done: however long the wait that it begins, the second is heard."""
    for minutes in (1, 2, 4, 8, 15, 15):
        for _ in range(10):
            with suppress(WrongCredentials, TooManyAttempts):
                signin.authenticate("bob", "wrong password", by=BROWSER)
        clock(seconds=minutes * 60 + 1)
    finish(owe(), phone.code())
    with pytest.raises(WrongCredentials):
        signin.authenticate("bob", "wrong password", by=BROWSER)


def test_the_hundredth_failure_locks_the_second_step_too(phone, ada, clock):
    for _ in range(100):
        with pytest.raises(WrongCredentials):
            signin.authenticate("bob", "wrong password", by=BROWSER)
        clock(minutes=16)
    with pytest.raises(WrongCredentials):
        owe()


def test_people_behind_one_address_do_not_use_it_up_by_signing_in(phone, bob, by_bob, clock):
    codes = phone.codes
    for _ in range(70):
        clock(seconds=0.5)
        if not codes:
            codes = factors.new_codes(bob, by=by_bob)
        finish(owe(), codes.pop())


def test_a_contract_opens_for_password_and_code_in_a_row_only(phone, bob):
    code = phone.code()
    for typed in (PASSWORD, f"{PASSWORD}{phone.wrong()}", f"wrong password{code}", f"{PASSWORD} {code}", f"{PASSWORD}{phone.codes[0]}"):
        with pytest.raises(WrongCredentials):
            signin.authenticate("bob", typed, by=BROWSER)
    assert signin.authenticate("bob", f"{PASSWORD}{code}", by=BROWSER).id == bob.id
    with pytest.raises(WrongCredentials):
        signin.authenticate("bob", f"{PASSWORD}{code}", by=BROWSER)
    assert "no-second-factor" in kinds_of(bob)


def test_basic_never_opens_an_account_with_a_factor_and_forgets_what_it_knew(bob, by_bob):
    assert signin.basic("bob", PASSWORD, by=BROWSER).id == bob.id
    app = App(bob)
    factors.add_app(bob, app.nonce, app.code(), by=by_bob)
    for typed in (PASSWORD, f"{PASSWORD}{app.code(1)}"):
        with pytest.raises(WrongCredentials):
            signin.basic("bob", typed, by=BROWSER)


def test_a_password_that_ends_with_six_digits_is_a_password(person):
    person("eve", password="the year is 202611")
    assert signin.authenticate("eve", "the year is 202611", by=BROWSER) and owe("eve", "the year is 202611") == ""


def test_every_refusal_of_an_account_with_a_factor_pays_for_exactly_one_check(phone, bob, monkeypatch):
    from webadmin.accounts import passwords
    paid, real = [], passwords._check
    monkeypatch.setattr(passwords, "_check", lambda *given: (paid.append(1), real(*given))[1])
    for typed in (PASSWORD, "wrong", f"{PASSWORD}{phone.wrong()}", f"wrong{phone.wrong()}"):
        for gate in (signin.authenticate, signin.basic):
            paid.clear()
            with pytest.raises(WrongCredentials) as told:
                gate("bob", typed, by=BROWSER)
            assert len(paid) == 1, typed
            assert isinstance(told.value, WrongCredentials)


@pytest.mark.parametrize("gate", [signin.authenticate, signin.basic])
def test_after_the_right_password_a_wrong_code_does_the_same_work_as_a_wrong_password(phone, gate, monkeypatch):
    """The same statements in the same order, and as many codes made: what differs by less is no time that a client sees."""
    from webadmin.accounts import passwords
    done, made, check = [], pyotp.HOTP.at, passwords._check
    monkeypatch.setattr(pyotp.HOTP, "at", lambda app, step: (done.append("code"), made(app, step))[1])
    monkeypatch.setattr(passwords, "_check", lambda *given: (done.append("password"), check(*given))[1])
    ask = database.proxy.obj.execute_sql
    monkeypatch.setattr(database.proxy.obj, "execute_sql", lambda sql, *given: (done.append(sql), ask(sql, *given))[1])
    stories = []
    for typed in (f"wrong{phone.wrong()}", f"{PASSWORD}{phone.wrong()}", "wrong", PASSWORD):
        throttle.forgive_all()
        done.clear()
        with pytest.raises(WrongCredentials):
            gate("bob", typed, by=BROWSER)
        stories.append([*done])
    assert stories[0] == stories[1] and stories[2] == stories[3] and "password" in stories[0]
    assert stories[0].count("code") == (3 if gate is signin.authenticate else 0)


def test_a_wrong_password_uses_no_code_up(phone, bob):
    code = phone.code()
    with pytest.raises(WrongCredentials):
        signin.authenticate("bob", f"wrong{code}", by=BROWSER)
    assert signin.authenticate("bob", f"{PASSWORD}{code}", by=BROWSER).id == bob.id


def test_a_wrong_code_turns_no_imported_hash_into_ours(phone, bob):
    """That would cost one more hash, and tell that the password was right."""
    import bcrypt
    foreign = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    again(bob).update(password_hash=foreign, password_scheme="bcrypt-foreign").where(type(bob).id == bob.id).execute()
    with pytest.raises(WrongCode):
        signin.authenticate("bob", f"{PASSWORD}{phone.wrong()}", by=BROWSER)
    assert again(bob).password_hash == foreign
    signin.authenticate("bob", f"{PASSWORD}{phone.code()}", by=BROWSER)
    assert again(bob).password_hash != foreign


def test_a_text_that_is_too_long_is_refused_unheard_whether_there_is_a_factor_or_not(phone, bob, carol, monkeypatch):
    from webadmin.accounts import passwords
    paid, real = [], passwords._check
    monkeypatch.setattr(passwords, "_check", lambda *given: (paid.append(1), real(*given))[1])
    for letters in range(passwords.LONGEST - 7, passwords.LONGEST + 8):
        costs = []
        for name in ("bob", "carol", "nobody"):
            paid.clear()
            with pytest.raises(WrongCredentials):
                signin.authenticate(name, f"{'x' * (letters - 6)}123456", by=BROWSER)
            costs.append(len(paid))
            throttle.forgive_all()
        assert costs in ([1, 1, 1], [0, 0, 0]), letters


def test_the_policy_asks_administrators_and_nobody_else(ada, bob, person, by_ada):
    eve = person("eve", role=Role.ADMINISTRATOR)
    assert not factors.asked_of(ada)
    policies.change({"second_factor": "administrators"}, by=COMMAND_LINE)
    assert factors.asked_of(ada) and factors.asked_of(eve) and not factors.asked_of(bob)
    assert factors.administrators_without() == (2, ["ada", "eve"]) and factors.administrators_without(1) == (2, ["ada"])
    app = App(eve)
    factors.add_app(eve, app.nonce, app.code(), by=BROWSER.as_account(eve))
    assert not factors.asked_of(eve) and factors.administrators_without() == (1, ["ada"])


def test_where_the_policy_asks_the_password_alone_opens_no_contract(ada, bob):
    assert signin.basic("ada", PASSWORD, by=BROWSER)
    policies.change({"second_factor": "administrators"}, by=COMMAND_LINE)
    for gate in (signin.authenticate, signin.basic):
        with pytest.raises(WrongCredentials):
            gate("ada", PASSWORD, by=BROWSER)
        assert gate("bob", PASSWORD, by=BROWSER)
    assert steps.begin("ada", PASSWORD, by=BROWSER).token == "", "the browser leads to where one is added"
