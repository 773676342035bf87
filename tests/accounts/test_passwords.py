from __future__ import annotations

import os
import threading
import time

import bcrypt
import pytest

from webadmin.accounts import hashing, passwords, policies, sources
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import Busy, WeakPassword
from webadmin.accounts.sources import Trust


@pytest.fixture(autouse=True)
def cheap(store):
    passwords.configure(bcrypt_cost=4)
    yield
    passwords.configure(bcrypt_cost=4)


def works(password: str, typed: str | None = None) -> bool:
    return passwords.matches(password if typed is None else typed, *passwords.hash_new(passwords.accept(password)))


@pytest.mark.parametrize("password", ["tr33boat", "correct horse battery staple", "⛵🌊🐟🦀🐚🌙⭐🔥", "        x", "\U0001f600" * 64, "ж" * 128])
def test_eight_characters_of_any_kind_are_a_password(password):
    assert works(password)


@pytest.mark.parametrize("password", ["", "tr33bot", "🔥" * 7, "e\u0301" * 7])
def test_fewer_than_eight_characters_are_refused(password):
    with pytest.raises(WeakPassword, match="at least 8"):
        passwords.accept(password)


def test_more_than_128_characters_are_refused_before_any_work():
    begun = time.perf_counter()
    for length in (129, 600, 200_000):
        with pytest.raises(WeakPassword, match="at most 128"):
            passwords.accept("ж" * length)
        assert not passwords.matches("ж" * length, *passwords.hash_new("tr33boats"))
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("length", [71, 72, 73, 80, 127])
def test_no_password_is_cut(length):
    stored = passwords.hash_new("a" * length + "b")
    assert passwords.matches("a" * length + "b", *stored)
    assert not passwords.matches("a" * length + "c", *stored) and not passwords.matches("a" * length, *stored)


def test_up_to_72_bytes_any_bcrypt_library_can_check_the_hash():
    stored, scheme = passwords.hash_new("three green boats")
    assert scheme == "bcrypt" and bcrypt.checkpw(b"three green boats", stored.encode())
    assert passwords.hash_new("ж" * 37)[1] == "bcrypt-sha384"


def test_what_a_long_password_is_hashed_to_is_no_password_itself():
    import base64
    import hashlib
    stored = passwords.hash_new("ж" * 100)
    assert not passwords.matches(base64.b64encode(hashlib.sha384("ж".encode() * 100).digest()).decode(), *stored)


def test_composed_and_decomposed_letters_are_the_same_password():
    assert works("caf\u00e9 au lait", "cafe\u0301 au lait") and works("cafe\u0301 au lait", "caf\u00e9 au lait")


def test_a_nul_ends_no_password():
    assert works("abcd\0efgh") and not works("abcd\0efgh", "abcd") and not works("abcd\0efgh", "abcd\0efgx")


def test_a_lone_surrogate_is_refused_and_matches_nothing():
    with pytest.raises(WeakPassword):
        passwords.accept("abcdefgh\ud800")
    assert not passwords.matches("abcdefgh\ud800", *passwords.hash_new("abcdefgh?"))


@pytest.mark.parametrize("password", ["password1", "PASSWORD1", "12345678", "iloveyou1", "baseball1"])
def test_the_commonest_passwords_are_refused(password):
    with pytest.raises(WeakPassword, match="commonest"):
        passwords.accept(password)


def test_the_list_has_5000_entries_and_all_of_them_by_a_setting():
    assert len(passwords.common("5000")) == 5000
    passwords.accept("newpassword")      # a document's literal, rank 5,328
    policies.change({"common_passwords": "full"}, by=COMMAND_LINE)
    assert len(passwords.common("full")) > 10_000
    with pytest.raises(WeakPassword):
        passwords.accept("newpassword")


@pytest.mark.parametrize("password", ["adalovelace", "AdaLovelace", "adalovelace2026", "!!adalovelace!!", "lovelace.mail", "2026lovelace.mail1",
                                      "lovelace.mail@example.com", "webadmin", "webadmin2026", "Administrator", "administrator1!"])
def test_ones_own_name_is_no_password(password):
    with pytest.raises(WeakPassword):
        passwords.accept(password, username="adalovelace", email="lovelace.mail@example.com")


def test_a_sentence_with_ones_name_in_it_is_fine():
    passwords.accept("ada likes three boats", username="ada")


def test_hashes_are_2b_of_the_cost_that_is_set():
    assert passwords.hash_new("three green boats")[0].startswith("$2b$04$")
    passwords.configure(bcrypt_cost=5)
    assert passwords.hash_new("three green boats")[0].startswith("$2b$05$")


@pytest.mark.parametrize("stored", [None, "", "x", "$2b$04$short", "$2b$31$" + "a" * 53, "$2b$03$" + "a" * 53, "$2b$99$" + "a" * 53, "plain:boats",
                                    "$1$abc$def", "\ud800"])
def test_a_stored_hash_that_is_none_matches_nothing_and_raises_nothing(stored):
    assert not passwords.matches("three green boats", stored, "bcrypt")


def test_a_hash_matches_under_its_own_scheme_only():
    stored, _ = passwords.hash_new("three green boats")
    assert not passwords.matches("three green boats", stored, "bcrypt-sha384") and not passwords.matches("three green boats", stored, None)


def test_a_foreign_hash_is_cut_where_other_programs_cut_it():
    stored = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4)).decode()
    assert passwords.matches("a" * 80, stored, "bcrypt-foreign")


@pytest.mark.parametrize("variant", ["2a", "2b", "2y"])
def test_bcrypt_of_other_programs_is_checked(variant):
    stored = bcrypt.hashpw(b"three green boats", bcrypt.gensalt(4)).decode().replace("$2b$", f"${variant}$")
    assert passwords.matches("three green boats", stored, "bcrypt-foreign")


def test_cheaper_and_foreign_hashes_are_made_anew_and_good_ones_are_not():
    passwords.configure(bcrypt_cost=5)
    cheap = bcrypt.hashpw(b"three green boats", bcrypt.gensalt(4)).decode()
    assert passwords.hash_anew("three green boats", cheap, "bcrypt")[0].startswith("$2b$05$")
    good = passwords.hash_new("three green boats")
    assert passwords.hash_anew("three green boats", *good) is None
    assert passwords.hash_anew("three green boats", good[0], "bcrypt-foreign")[1] == "bcrypt"


def test_an_unknown_name_and_a_cheap_hash_cost_what_a_hash_of_ours_costs(monkeypatch):
    """Work counted in bcrypt rounds, so that the machine's load does not matter."""
    spent = []
    real_hash, real_check = bcrypt.hashpw, bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "hashpw", lambda text, salt: (spent.append(1 << int(salt[4:6])), real_hash(text, salt))[1])
    monkeypatch.setattr(bcrypt, "checkpw", lambda text, stored: (spent.append(1 << int(stored[4:6])), real_check(text, stored))[1])
    passwords.configure(bcrypt_cost=7)
    cheap = real_hash(b"three green boats", bcrypt.gensalt(4)).decode()
    usual = real_hash(b"three green boats", bcrypt.gensalt(7)).decode()
    for stored, scheme in ((None, None), (cheap, "bcrypt-foreign"), (usual, "bcrypt"), ("broken", "bcrypt")):
        spent.clear()
        assert not passwords.matches("something else", stored, scheme)
        assert sum(spent) == 1 << 7


def test_nine_hashings_wait_and_the_tenth_is_refused():
    gate, begun = threading.Event(), threading.Event()
    threads = [threading.Thread(target=lambda: hashing.in_turn(lambda: (begun.set(), gate.wait(10)))) for _ in range(hashing.shares.hashing)]
    try:
        for thread in threads:
            thread.start()
        begun.wait(5)
        deadline = time.monotonic() + 5
        while hashing._turn.held.total() < hashing.shares.hashing and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(Busy) as busy:
            hashing.in_turn(lambda: None)
        assert busy.value.retry_after > 0
    finally:
        gate.set()
        for thread in threads:
            thread.join()
    assert hashing.in_turn(lambda: 7) == 7


def test_passwords_leave_threads_to_the_pages():
    """However few there are; where there is but one thread, there is nothing to leave."""
    for threads in range(2, 129):
        shares = hashing.shares_of(threads)
        assert 1 <= shares.of_one_source <= shares.hashing and shares.hashing + shares.own(Trust.NEW) + shares.on_another < threads, threads
        assert shares.of_one_source >= 2 or shares.hashing == 1, "two people of one address may sign in at once"
        assert shares.hashing == 1 or shares.of_suspects < shares.of_new, "who guesses shuts out nobody who comes for the first time"
        assert 1 <= shares.of_suspects <= shares.of_new <= shares.hashing <= 9, "nobody waits longer than nine checks take"
    assert hashing.shares_of(16) == hashing.shares_of(128) == hashing.Shares(9, 7, 5, 6, 2, 4)
    assert hashing.shares_of(1) == hashing.Shares(1, 1, 1, 1, 1, 0)


@pytest.mark.skipif(not hasattr(os, "PRIO_PROCESS"), reason="only Linux gives one thread a priority")
def test_hashing_runs_on_threads_behind_all_others_and_guessers_behind_people():
    hashing.rest()
    passwords.configure(bcrypt_cost=passwords.USUAL_COST)
    sources.succeeded("192.0.2.1")
    for _ in range(2):
        sources.failed("192.0.2.3")
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    known, new, suspect = (hashing.in_turn(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), source=f"192.0.2.{number}")
                           for number in (1, 2, 3))
    assert mine < known < new < suspect
    hashing.rest()
