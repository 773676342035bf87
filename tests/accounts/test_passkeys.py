"""Passkeys: who may add one, what an answer must be to be accepted, and that all refusals are one."""
from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.authenticator import MAY_BE_BACKED_UP, ORIGIN, PRESENT, VERIFIED, Authenticator, coded, decoded
from tests.conftest import BROWSER, PASSWORD, again, at_once
from webadmin.accounts import activity, changes, sessions, signin, throttle, users
from webadmin.accounts.actors import COMMAND_LINE, Actor
from webadmin.accounts.errors import Invalid, NotAllowed, NotFound, PasskeyRefused, SignInOver, TooManyAttempts, WrongCredentials
from webadmin.accounts.models import Account, Change, Passkey, PendingSignIn
from webadmin.accounts.second_factors import ceremonies, factors, passkeys, recovery, steps
from webadmin.accounts.second_factors.ceremonies import RelyingParty
from webadmin.store import database

SITE = RelyingParty("localhost", ORIGIN)
ELSEWHERE = RelyingParty("accounts.example.com", "https://accounts.example.com")


def signed_in(account: Account) -> Actor:
    return replace(BROWSER.as_account(account), session_id=7)


def add(account: Account, device: Authenticator, name: str = "Phone", site: RelyingParty = SITE, **wrong: Any) -> Passkey:
    by = signed_in(account)
    passkeys.add(account, device.create(passkeys.begin_adding(account, site, by=by), site.origin, **wrong), name, site, by=by)
    return of(account)[-1]


def of(account: Account) -> list[Passkey]:
    return factors.of(account).passkeys


def half_way(account: Account) -> str:
    """The token of a sign-in that waits for the second factor."""
    return steps.begin(account.username, PASSWORD, by=BROWSER).token


def sign_in(device: Authenticator, source: str = "198.51.100.1", **wrong: Any) -> Account:
    return passkeys.sign_in(device.get(passkeys.begin_sign_in(SITE), **wrong), SITE, by=replace(BROWSER, source=source))


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
def phone(bob: Account, device: Authenticator) -> Passkey:
    """Bob's passkey, on `device`."""
    return add(bob, device)


def newest() -> Change:
    return Change.select().order_by(Change.id.desc()).get()


def test_a_passkey_signs_in_without_a_name_or_password(bob, device, phone):
    assert sign_in(device) == bob and again(bob).last_signed_in_at > 0
    entry = activity.history(bob, 1, groups=("sign-in",))[0]
    assert entry.kind is changes.Kind.SIGNED_IN and entry.details == [("passkey", None, "Phone")] and newest().actor_id == bob.id
    assert Passkey.get_by_id(phone.id).last_used_at > 0 and Passkey.get_by_id(phone.id).sign_count == 2


def test_what_the_browser_is_asked_names_nobody(bob, phone):
    asked = passkeys.begin_sign_in(SITE)
    assert asked["allowCredentials"] == [] and asked["userVerification"] == "required" and asked["rpId"] == "localhost"
    assert "bob" not in json.dumps(asked) and decoded(ceremonies.handle(bob)).hex() == bob.object_id


def test_a_passkey_that_counts_nothing_signs_in_again_and_again(bob):
    synced = Authenticator(counts=False, flags=PRESENT | VERIFIED | MAY_BE_BACKED_UP)
    add(bob, synced)
    assert [sign_in(synced) for _ in range(3)] == [bob] * 3


WRONG = {
    "origin": {"origin": "http://localhost:8080"}, "other site": {"origin": "https://evil.example"}, "https": {"origin": "https://localhost"},
    "relying party": {"relying_party": "evil.example"}, "another challenge": {"challenge": coded(b"1.x.y")}, "no challenge": {"challenge": None},
    "challenge that is no text": {"challenge": coded(b"\xff\xfe")}, "ceremony": {"kind": "webauthn.create"}, "in a frame": {"cross_origin": True},
    "not verified": {"flags": PRESENT}, "nobody there": {"flags": VERIFIED}, "signature": {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
    "no signature": {"signature": b""}, "data after signing": {"data_sent": bytes(37)}, "client after signing": {"client_sent": b"{}"},
    "another's handle": {"user": coded(b"someone else")}, "no handle": {"user": None}, "odd handle": {"user": 7}, "impossible flags": {"flags": 0xff}}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_whatever_is_wrong_with_an_answer_it_is_refused(bob, device, phone, wrong):
    with pytest.raises(PasskeyRefused, match="This passkey was not accepted"):
        sign_in(device, **wrong)
    assert newest().kind == "wrong-passkey" and newest().account_id == bob.id and newest().actor_id is None
    assert Passkey.get_by_id(phone.id).last_used_at == 0 and sign_in(device) == bob


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "7", "[" * 9000, "{" * 16000, '{"id":', '{"id": 7}', '{"id": "AA", "response": 7}',
                                  '{"id": "\ud800", "response": {"clientDataJSON": "e30"}}', '{"id": "", "response": {"clientDataJSON": "e30"}}',
                                  '{"id": "AA", "response": {"clientDataJSON": "bnVsbA"}}', '{"id": "AA", "response": {"clientDataJSON": "e30"}}',
                                  '{"id": "A!A", "response": {"clientDataJSON": "e30"}}', " " * 20_000, "\x00"])
def test_junk_is_refused(bob, phone, text):
    for act in (lambda: passkeys.sign_in(text, SITE, by=BROWSER), lambda: passkeys.confirm(bob, text, SITE, by=signed_in(bob)),
                lambda: passkeys.finish(half_way(bob), text, SITE, by=BROWSER), lambda: passkeys.add(bob, text, "Phone", SITE, by=signed_in(bob))):
        with pytest.raises(PasskeyRefused):
            act()


def test_an_answer_is_good_once(bob, phone, device):
    device.counts = False
    device.credentials[0].count = 5
    answer = device.get(passkeys.begin_sign_in(SITE))
    assert passkeys.sign_in(answer, SITE, by=BROWSER) == bob
    Passkey.update(sign_count=0).execute()      # the count alone would stop it
    with pytest.raises(PasskeyRefused):
        passkeys.sign_in(answer, SITE, by=BROWSER)


def test_of_one_answer_sent_twice_at_once_one_is_refused(bob):
    synced = Authenticator(counts=False)
    add(bob, synced)
    answer = synced.get(passkeys.begin_sign_in(SITE))
    results = at_once(*[lambda: passkeys.sign_in(answer, SITE, by=BROWSER)] * 4)
    assert sorted(type(each).__name__ for each in results) == ["Account", "PasskeyRefused", "PasskeyRefused", "PasskeyRefused"]


def test_a_challenge_is_good_for_five_minutes(bob, device, phone, clock):
    asked = passkeys.begin_sign_in(SITE)
    clock(minutes=4, seconds=59)
    assert passkeys.sign_in(device.get(asked), SITE, by=BROWSER) == bob
    asked = passkeys.begin_sign_in(SITE)
    clock(minutes=5, seconds=1)
    with pytest.raises(PasskeyRefused):
        passkeys.sign_in(device.get(asked), SITE, by=BROWSER)
    clock(hours=-2)
    with pytest.raises(PasskeyRefused):
        passkeys.sign_in(device.get(asked), SITE, by=BROWSER)


def test_a_challenge_is_good_for_what_it_was_made_for(bob, device, phone):
    by, waiting, other = signed_in(bob), half_way(bob), half_way(bob)
    made = {"sign in": passkeys.begin_sign_in(SITE), "second": passkeys.begin_second(waiting, SITE), "another second": passkeys.begin_second(other, SITE),
            "confirm": passkeys.begin_confirming(bob, SITE, by=by), "add": passkeys.begin_adding(bob, SITE, by=by),
            "another session": passkeys.begin_confirming(bob, SITE, by=replace(by, session_id=8))}
    good = {"sign in": lambda text: passkeys.sign_in(text, SITE, by=BROWSER), "confirm": lambda text: passkeys.confirm(bob, text, SITE, by=by),
            "second": lambda text: passkeys.finish(waiting, text, SITE, by=BROWSER)}
    PendingSignIn.update(tries=-100).execute()
    for purpose, act in good.items():
        for other_purpose, asked in sorted(made.items(), key=lambda each: each[0] == purpose):
            text = device.get({"allowCredentials": [], **asked})
            if other_purpose == purpose:
                act(text)
            else:
                with pytest.raises(PasskeyRefused):
                    act(text)


def test_a_count_that_falls_behind_is_a_copy_and_is_written_down(bob, device, phone):
    sign_in(device)
    sign_in(device)
    for count in (3, 2, 0):      # the one that it stands at, and before
        with pytest.raises(PasskeyRefused):
            sign_in(device, count=count)
        assert newest().kind == "copied-passkey" and newest().account_id == bob.id
    device.credentials[0].count = 50
    assert sign_in(device) == bob


def test_a_wrong_signature_is_no_sign_of_a_copy(bob, device, phone):
    with pytest.raises(PasskeyRefused):
        sign_in(device, count=0, signature=b"no")
    assert newest().kind == "wrong-passkey"


def test_an_account_that_may_not_sign_in_gets_the_same_answer(ada, bob, carol, person, by_ada, device):
    over = person("over")
    people = {"bob": bob, "carol": carol, "over": over}
    for account in people.values():
        add(account, device)
    users.disable(bob, by=by_ada)
    users.delete(carol, by=by_ada)
    users.update(over, {"expires_at": database.now() - 1}, by=by_ada)
    told = set()
    for number, account in enumerate(people.values()):
        with pytest.raises(PasskeyRefused) as refused:
            sign_in(device, credential=device.credentials[number])
        told.add(refused.value.sentence)
        assert newest().kind == "not-admitted" and newest().account_id == account.id
    stranger = Authenticator()
    stranger.create(passkeys.begin_adding(ada, SITE, by=signed_in(ada)))
    with pytest.raises(PasskeyRefused) as refused:
        sign_in(stranger)
    assert told == {refused.value.sentence} and newest().account_id is None


def test_with_a_passkey_the_password_alone_signs_in_nowhere(bob, phone):
    with pytest.raises(WrongCredentials):
        signin.authenticate("bob", PASSWORD, by=BROWSER)
    with pytest.raises(WrongCredentials):
        signin.basic("bob", PASSWORD, by=BROWSER)
    assert half_way(bob)


def test_as_second_step_presence_is_enough_and_the_passkey_must_be_the_accounts(ada, bob, phone, device):
    other, waiting = Authenticator(), half_way(bob)
    add(ada, other)
    asked = passkeys.begin_second(waiting, SITE)
    assert [each["id"] for each in asked["allowCredentials"]] == [phone.credential_id] and asked["userVerification"] == "preferred"
    assert asked["allowCredentials"][0]["transports"] == ["hybrid", "internal"]
    with pytest.raises(PasskeyRefused):
        passkeys.finish(waiting, other.get({**asked, "allowCredentials": []}), SITE, by=BROWSER)
    assert newest().kind == "no-second-factor" and newest().account_id == bob.id
    assert passkeys.finish(waiting, device.get(asked, flags=PRESENT, user=None), SITE, by=BROWSER)[1] == bob
    with pytest.raises(SignInOver):
        passkeys.finish(waiting, device.get(asked), SITE, by=BROWSER)


def test_a_copy_is_written_down_as_second_step_too(bob, phone, device):
    waiting = half_way(bob)
    with pytest.raises(PasskeyRefused):
        passkeys.finish(waiting, device.get(passkeys.begin_second(waiting, SITE), count=1), SITE, by=BROWSER)
    assert [each.kind for each in Change.select().order_by(Change.id.desc()).limit(2)] == ["no-second-factor", "copied-passkey"]
    assert passkeys.finish(waiting, device.get(passkeys.begin_second(waiting, SITE)), SITE, by=BROWSER)[1] == bob


def test_wrong_passkeys_count_at_the_second_step(bob, phone, device):
    waiting = half_way(bob)
    for _ in range(steps.TRIES):
        with pytest.raises(PasskeyRefused):
            passkeys.finish(waiting, device.get(passkeys.begin_second(waiting, SITE), signature=b"no"), SITE, by=BROWSER)
    with pytest.raises(SignInOver):
        passkeys.finish(waiting, device.get(passkeys.begin_sign_in(SITE)), SITE, by=BROWSER)


def test_confirming_asks_for_more_than_presence(ada, bob, phone, device):
    by = signed_in(bob)
    with pytest.raises(PasskeyRefused):
        passkeys.confirm(bob, device.get(passkeys.begin_confirming(bob, SITE, by=by), flags=PRESENT), SITE, by=by)
    other = Authenticator()
    add(ada, other)
    with pytest.raises(PasskeyRefused):
        passkeys.confirm(bob, other.get({**passkeys.begin_confirming(bob, SITE, by=by), "allowCredentials": []}), SITE, by=by)
    passkeys.confirm(bob, device.get(passkeys.begin_confirming(bob, SITE, by=by)), SITE, by=by)


def test_a_source_that_fails_sixty_times_a_minute_waits_and_a_known_device_does_not(bob, device, phone):
    for _ in range(60):
        with pytest.raises(PasskeyRefused):
            sign_in(device, signature=b"no")
    with pytest.raises(TooManyAttempts):
        sign_in(device)
    assert newest().kind == "turned-away"
    known = throttle.know_device(bob)
    assert passkeys.sign_in(device.get(passkeys.begin_sign_in(SITE)), SITE, by=replace(BROWSER, source="198.51.100.1"), device=known) == bob
    assert sign_in(device, source="203.0.113.9") == bob, "nobody can make the account wait"


def test_success_is_no_failure(bob, device, phone):
    for _ in range(70):
        assert sign_in(device) == bob


def test_only_the_accounts_own_person_adds_a_passkey(ada, bob, by_ada, device):
    for by in (by_ada, COMMAND_LINE, BROWSER):
        with pytest.raises(NotAllowed):
            passkeys.begin_adding(bob, SITE, by=by)
        with pytest.raises(NotAllowed):
            passkeys.add(bob, device.create(passkeys.begin_adding(ada, SITE, by=signed_in(ada))), "Phone", SITE, by=by)
    assert not of(bob)


NEW = {"origin": {"origin": "https://evil.example"}, "relying party": {"relying_party": "evil.example"}, "ceremony": {"kind": "webauthn.get"},
       "nobody there": {"flags": VERIFIED}, "algorithm that is not asked for": {"algorithm": -35}, "long id": {"id": bytes(1024)},
       "in a frame": {"cross_origin": True}, "challenge": {"challenge": coded(b"1.x.y")}}


@pytest.mark.parametrize("wrong", NEW.values(), ids=NEW)
def test_what_is_wrong_with_a_new_passkey_keeps_it_out(bob, device, wrong):
    by, entries = signed_in(bob), Change.select().count()
    with pytest.raises(PasskeyRefused):
        passkeys.add(bob, device.create(passkeys.begin_adding(bob, SITE, by=by), **{"origin": SITE.origin, **wrong}), "Phone", SITE, by=by)
    assert not of(bob) and Change.select().count() == entries


def test_an_answer_adds_one_passkey(bob, carol, device):
    by = signed_in(bob)
    answer = device.create(passkeys.begin_adding(bob, SITE, by=by))
    passkeys.add(bob, answer, "Phone", SITE, by=by)
    with pytest.raises(PasskeyRefused):
        passkeys.add(bob, answer, "Phone", SITE, by=by)
    with pytest.raises(PasskeyRefused):
        passkeys.add(carol, answer, "Phone", SITE, by=signed_in(carol))
    with pytest.raises(PasskeyRefused):
        passkeys.add(bob, answer, "Phone", SITE, by=replace(by, session_id=8))
    assert len(of(bob)) == 1 and not of(carol)


def test_a_credential_belongs_to_one_account(bob, carol, device, phone):
    taken = decoded(phone.credential_id)
    with pytest.raises(PasskeyRefused, match="known already"):
        add(carol, device, id=taken)
    assert Passkey.get_by_id(phone.id).account_id == bob.id


def test_the_browser_is_told_which_passkeys_there_are(bob, phone):
    asked = passkeys.begin_adding(bob, SITE, by=signed_in(bob))
    assert [each["id"] for each in asked["excludeCredentials"]] == [phone.credential_id]
    assert asked["attestation"] == "none" and asked["rp"]["id"] == "localhost" and asked["user"]["id"] == ceremonies.handle(bob)
    assert passkeys.begin_adding(bob, ELSEWHERE, by=signed_in(bob))["excludeCredentials"] == []


def test_an_account_has_at_most_twenty(bob, device):
    for number in range(passkeys.MOST):
        add(bob, device, f"Key {number}")
    with pytest.raises(Invalid, match="at most 20"):
        add(bob, device)
    passkeys.remove(of(bob)[0].id, bob, by=signed_in(bob))
    add(bob, device)
    assert len(of(bob)) == passkeys.MOST


def test_a_passkey_is_good_where_it_was_added(bob, device):
    there = add(bob, device, site=ELSEWHERE)
    assert passkeys.good_at(ELSEWHERE, bob) == [there] and passkeys.good_at(SITE, bob) == []
    with pytest.raises(PasskeyRefused):
        sign_in(device)


def test_what_is_known_of_a_passkey_is_kept(bob):
    synced = Authenticator(counts=False, flags=PRESENT | VERIFIED | MAY_BE_BACKED_UP | 16)
    made = add(bob, synced, "  Phone  ", transports=["internal", "telepathy", 7])
    assert (made.name, made.transports, made.backed_up, made.sign_count, made.relying_party) == ("Phone", "internal", True, 0, "localhost")
    assert len(made.digest) == 64 and decoded(made.public_key)


def test_a_passkey_is_renamed_and_removed_by_its_person(bob, carol, by_ada, device, phone):
    by = signed_in(bob)
    passkeys.rename(phone.id, bob, "Old phone", by=by)
    assert of(bob)[0].name == "Old phone" and newest().kind == "factor-renamed"
    for act in (lambda: passkeys.rename(phone.id, carol, "Mine", by=signed_in(carol)), lambda: passkeys.remove(phone.id, carol, by=signed_in(carol))):
        with pytest.raises(NotFound):
            act()
    for act in (lambda: passkeys.rename(phone.id, bob, "Mine", by=signed_in(carol)), lambda: passkeys.remove(phone.id, bob, by=by_ada)):
        with pytest.raises(NotAllowed):
            act()
    for name in ("", "  ", "a\u202eb", "x" * 61):
        with pytest.raises(Invalid):
            passkeys.rename(phone.id, bob, name, by=by)
    passkeys.remove(phone.id, bob, by=by)
    with pytest.raises(PasskeyRefused):
        sign_in(device)


def test_the_log_tells_what_was_added_and_removed(bob, device, phone):
    passkeys.remove(phone.id, bob, by=signed_in(bob))
    entries = activity.history(bob, 2)
    assert [(entry.kind.word, entry.details[0]) for entry in entries] == [
        ("factor-removed", ("second_factor", None, "Passkey “Phone”")), ("factor-added", ("second_factor", None, "Passkey “Phone”"))]


def test_the_first_passkey_brings_recovery_codes_and_the_last_takes_them_along(bob, device):
    by = signed_in(bob)
    codes = passkeys.add(bob, device.create(passkeys.begin_adding(bob, SITE, by=by)), "Phone", SITE, by=by)
    assert len(codes) == 10 and recovery.left(bob) == 10
    assert passkeys.add(bob, device.create(passkeys.begin_adding(bob, SITE, by=by)), "Key", SITE, by=by) == []
    passkeys.remove(of(bob)[0].id, bob, by=by)
    assert factors.of(bob).any and recovery.left(bob) == 10
    passkeys.remove(of(bob)[0].id, bob, by=by)
    assert not factors.of(bob).any and recovery.left(bob) == 0 and signin.authenticate("bob", PASSWORD, by=BROWSER) == bob


def test_adding_and_removing_end_every_other_session(bob, device):
    by = signed_in(bob)
    for act in (lambda kept: passkeys.add(bob, device.create(passkeys.begin_adding(bob, SITE, by=by)), "Phone", SITE, by=by, keep=kept),
                lambda kept: passkeys.remove(of(bob)[0].id, bob, by=by, keep=kept)):
        own, other = (sessions.start(again(bob), by=BROWSER, user_agent="") for _ in range(2))
        act(sessions.Kept(session=sessions.resume(own)[0].id))
        assert sessions.resume(own) and not sessions.resume(other)


def test_an_administrators_reset_and_a_purge_take_the_passkeys(ada, bob, carol, by_ada, device):
    for account in (bob, carol):
        add(account, device)
    factors.reset(bob, by=by_ada)
    users.purge(users.delete(carol, by=by_ada), by=by_ada)
    assert not Passkey.select().count()
    for used in device.credentials:
        with pytest.raises(PasskeyRefused):
            sign_in(device, credential=used)


@pytest.mark.parametrize("public, host, scheme, found", [
    ("", "localhost:5000", "http", ("localhost", "http://localhost:5000")), ("", "LOCALHOST", "http", ("localhost", "http://localhost")),
    ("", "localhost:80", "http", ("localhost", "http://localhost")), ("", "localhost", "https", ("localhost", "https://localhost")),
    ("", "127.0.0.1:5000", "http", None), ("", "[::1]:5000", "http", None), ("", "accounts.example.com", "https", None), ("", "evil.localhost", "http", None),
    ("", "localhost.evil.example", "https", None), ("", "localhost:99999", "http", ("localhost", "http://localhost:99999")),
    ("https://accounts.example.com", "accounts.example.com", "http", ("accounts.example.com", "https://accounts.example.com")),
    ("https://accounts.example.com:443", "accounts.example.com", "https", ("accounts.example.com", "https://accounts.example.com")),
    ("https://accounts.example.com:8443", "accounts.example.com:8443", "https", ("accounts.example.com", "https://accounts.example.com:8443")),
    ("https://accounts.example.com", "127.0.0.1", "http", None), ("https://accounts.example.com", "localhost:5000", "http", None),
    ("http://accounts.example.com", "accounts.example.com", "http", None), ("https://192.0.2.7", "192.0.2.7", "https", None),
    ("https://[2001:db8::7]", "[2001:db8::7]", "https", None), ("http://localhost:5000", "localhost:5000", "http", ("localhost", "http://localhost:5000"))])
def test_the_relying_party_is_a_name_from_the_settings_or_localhost(public, host, scheme, found):
    assert ceremonies.relying_party(public, host, scheme) == (found and RelyingParty(*found))
