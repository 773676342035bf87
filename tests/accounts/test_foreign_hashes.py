from __future__ import annotations

import base64
import hashlib
import time

import bcrypt
import passlib.hash
import pytest
from werkzeug.security import generate_password_hash

from tests.conftest import PASSWORD
from webadmin.accounts import foreign_hashes, passwords, signin, users
from webadmin.accounts.actors import COMMAND_LINE, Actor
from webadmin.accounts.errors import WrongCredentials
from webadmin.accounts.models import Account

BROWSER = Actor(door="browser", source="127.0.0.1")


def django_pbkdf2(digest: str = "sha256", rounds: int = 1000) -> str:
    made = base64.b64encode(hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), b"seasalt", rounds)).decode()
    return f"pbkdf2_{digest}${rounds}$seasalt${made}"


def django_scrypt() -> str:
    return f"scrypt$16$seasalt$8$5${base64.b64encode(hashlib.scrypt(PASSWORD.encode(), salt=b'seasalt', n=16, r=8, p=5)).decode()}"


def argon2(prefix: str = "", **costs: int) -> str:
    made = pytest.importorskip("argon2").PasswordHasher(**{"time_cost": 1, "memory_cost": 8, "parallelism": 1, **costs})
    return prefix + made.hash(PASSWORD)


def plain_bcrypt(prefix: str = "", made_of: bytes = PASSWORD.encode(), variant: str = "2b") -> str:
    return prefix + bcrypt.hashpw(made_of, bcrypt.gensalt(4)).decode().replace("$2b$", f"${variant}$")


MAKERS = {
    "bcrypt-2a": ("bcrypt-foreign", lambda: plain_bcrypt(variant="2a")),
    "bcrypt-2y": ("bcrypt-foreign", lambda: plain_bcrypt(variant="2y")),
    "werkzeug-scrypt": ("werkzeug-scrypt", lambda: generate_password_hash(PASSWORD, "scrypt:4096:8:1")),
    "werkzeug-scrypt-usual": ("werkzeug-scrypt", lambda: generate_password_hash(PASSWORD)),
    "werkzeug-pbkdf2": ("werkzeug-pbkdf2", lambda: generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")),
    "werkzeug-pbkdf2-sha512": ("werkzeug-pbkdf2", lambda: generate_password_hash(PASSWORD, "pbkdf2:sha512:1000")),
    "django-pbkdf2": ("django-pbkdf2", django_pbkdf2),
    "django-pbkdf2-sha1": ("django-pbkdf2", lambda: django_pbkdf2("sha1")),
    "django-pbkdf2-of-passlib": ("django-pbkdf2", lambda: passlib.hash.django_pbkdf2_sha256.using(rounds=1000).hash(PASSWORD)),
    "django-scrypt": ("django-scrypt", django_scrypt),
    "django-argon2": ("django-argon2", lambda: argon2("argon2")),
    "django-bcrypt": ("django-bcrypt", lambda: plain_bcrypt("bcrypt$")),
    "django-bcrypt-sha256": ("django-bcrypt-sha256", lambda: plain_bcrypt("bcrypt_sha256$",
        hashlib.sha256(PASSWORD.encode()).hexdigest().encode())),
    "argon2": ("argon2", argon2),
    "argon2-usual": ("argon2", lambda: argon2(time_cost=3, memory_cost=65536, parallelism=4)),
    "scrypt": ("scrypt", lambda: passlib.hash.scrypt.using(rounds=4).hash(PASSWORD)),
    "pbkdf2-sha1": ("pbkdf2", lambda: passlib.hash.pbkdf2_sha1.using(rounds=1000).hash(PASSWORD)),
    "pbkdf2-sha256": ("pbkdf2", lambda: passlib.hash.pbkdf2_sha256.using(rounds=1000).hash(PASSWORD)),
    "pbkdf2-sha512": ("pbkdf2", lambda: passlib.hash.pbkdf2_sha512.using(rounds=1000).hash(PASSWORD)),
    "sha256-crypt": ("sha-crypt", lambda: passlib.hash.sha256_crypt.using(rounds=1000).hash(PASSWORD)),
    "sha512-crypt": ("sha-crypt", lambda: passlib.hash.sha512_crypt.using(rounds=5000).hash(PASSWORD)),
    "phpass": ("phpass", lambda: passlib.hash.phpass.using(rounds=8).hash(PASSWORD)),
}


@pytest.fixture(autouse=True)
def cheap():
    passwords.configure(bcrypt_cost=4)


@pytest.mark.parametrize("maker", MAKERS)
def test_hashes_of_other_programs_are_known_and_checked(maker):
    scheme, make = MAKERS[maker]
    stored = make()
    assert foreign_hashes.scheme_of(stored) == scheme
    assert passwords.matches(PASSWORD, stored, scheme)
    for wrong in ("three green boats", PASSWORD + "x", PASSWORD.upper(), "", "ж" * 100):
        assert not passwords.matches(wrong, stored, scheme)


def test_vectors_that_other_programs_publish():
    """Django's own tests, and the examples of RFC 7914 in passlib's writing."""
    for stored, password in (
            ("scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
             "lètmein"),
            ("$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA",
             "password")):
        scheme = foreign_hashes.scheme_of(stored)
        assert scheme and passwords.matches(password, stored, scheme) and not passwords.matches("password1", stored, scheme)


@pytest.mark.parametrize("maker", ["werkzeug-scrypt", "django-pbkdf2", "django-bcrypt-sha256", "phpass"])
def test_a_hash_is_checked_under_its_own_scheme_only(maker):
    scheme, make = MAKERS[maker]
    for other in {"bcrypt", "bcrypt-sha384", "argon2", "nonsense", *(each for each, _ in MAKERS.values())} - {scheme}:
        assert not passwords.matches(PASSWORD, make(), other)


@pytest.mark.parametrize("stored", [
    "", "x", "plain text", "$2b$31$" + "a" * 53, "$2b$15$" + "a" * 53, "$2b$03$" + "a" * 53, "$2x$10$" + "a" * 53, "sha256$salt$00",
    "md5$salt$00",
    "pbkdf2:sha256$salt$00", "pbkdf2:md5:1000$salt$00", "pbkdf2:sha256:2000001$salt$00", "pbkdf2:sha256:1000$salt$0",
    "pbkdf2:sha256:0$salt$00",
    "pbkdf2_sha256$999999999$salt$AAAA", "scrypt:1048576:8:1$salt$00", "scrypt:3:8:1$salt$00", "scrypt:16:8:999999$salt$00",
    "scrypt:1:8:1$salt$00",
    "$scrypt$ln=31,r=8,p=1$AAAA$AAAA", "$argon2id$v=19$m=4194304,t=3,p=4$AAAAAAAAAAA$AAAAAAAAAAA",
    "$argon2id$v=19$m=65536,t=9999,p=4$AAAAAAAAAAA$AAAAAAAAAAA",
    "$6$rounds=999999999$salt$" + "a" * 86, "$P$Z" + "a" * 30, "$P$." + "a" * 30, "pbkdf2_sha256$1000$" + "s" * 600 + "$AAAA",
    "!unusable", "\ud800", "١" * 20])
def test_what_is_unknown_or_too_costly_is_not_known_and_not_computed(stored):
    begun = time.perf_counter()
    assert foreign_hashes.scheme_of(stored) is None
    for scheme in ("bcrypt-foreign", "werkzeug-pbkdf2", "werkzeug-scrypt", "django-pbkdf2", "scrypt", "argon2", "sha-crypt", "phpass"):
        assert not passwords.matches(PASSWORD, stored, scheme)
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("stored, scheme", [
    ("pbkdf2_sha256$1000$salt$A", "django-pbkdf2"), ("scrypt$16$salt$8$1$=", "django-scrypt"), ("$pbkdf2-sha256$1000$A$AAAAA", "pbkdf2"),
    ("$argon2id$v=19$m=8,t=1,p=1$A$A", "argon2"), ("$6$salt$" + "a" * 43, "sha-crypt"), ("$5$salt$" + "z" * 86, "sha-crypt"),
    ("$argon2id$v=99$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAA", "argon2"), ("$argon2id$v=19$m=1,t=1,p=16$AAAAAAAAAAA$AAAAAAAAAAA", "argon2")])
def test_a_damaged_hash_matches_nothing_and_raises_nothing(stored, scheme):
    assert not passwords.matches(PASSWORD, stored, scheme)


def test_a_wrong_password_takes_as_long_whatever_is_stored(monkeypatch):
    """Counted in bcrypt rounds, by a clock that only the foreign check moves, so that the machine's load does not matter."""
    spent: list[int] = []
    clock, real = {"s": 0.0}, bcrypt.hashpw

    def counted(text, salt):
        spent.append(1 << int(salt[4:6]))
        return real(text, salt)
    monkeypatch.setattr(bcrypt, "hashpw", counted)
    monkeypatch.setattr(passwords, "_seconds_of_lowest", lambda: 1.0)
    monkeypatch.setattr(passwords.time, "thread_time", lambda: clock["s"])
    passwords.configure(bcrypt_cost=7)      # eight times the lowest: 8 s by this clock
    for took in (0.0, 1.5, 3.0, 7.0):
        def fits(*_, took=took):
            clock["s"] += took
            return False
        monkeypatch.setattr(foreign_hashes, "fits", fits)
        spent.clear()
        assert not passwords._check("something else", "pbkdf2:sha256:1000$salt$00", "werkzeug-pbkdf2")
        assert 7 <= took + sum(spent) / 16 <= 8


@pytest.mark.parametrize("maker", ["bcrypt-2y", "werkzeug-scrypt", "django-pbkdf2", "django-argon2", "django-bcrypt-sha256", "scrypt"])
def test_the_next_right_password_turns_it_into_one_of_ours(bob, maker):
    scheme, make = MAKERS[maker]
    stored = make()
    Account.update(password_hash=stored, password_scheme=scheme).where(Account.id == bob.id).execute()
    with pytest.raises(WrongCredentials):
        signin.authenticate("bob", "quite another one", by=BROWSER)
    assert users.find(bob.id).password_hash == stored
    signin.authenticate("bob", PASSWORD, by=BROWSER)
    fresh = users.find(bob.id)
    assert fresh.password_scheme == "bcrypt" and fresh.password_hash.startswith("$2b$04$") and fresh.epoch == bob.epoch
    assert signin.authenticate("bob", PASSWORD, by=BROWSER) and users.find(bob.id).password_hash == fresh.password_hash


def test_without_the_package_argon2_matches_nothing_and_says_so(monkeypatch):
    stored = argon2()
    monkeypatch.setitem(__import__("sys").modules, "argon2", None)
    assert not foreign_hashes.can_be_checked("argon2") and foreign_hashes.can_be_checked("scrypt")
    assert not passwords.matches(PASSWORD, stored, "argon2") and COMMAND_LINE.is_administrator
