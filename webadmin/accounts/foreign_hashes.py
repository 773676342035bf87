"""Password hashes that other programs made: which are known, and whether a password fits one.

They are kept as they came and never hashed again; the next right password turns them into a hash of ours (passwords.hash_anew).
What would cost much more than a hash of ours, in time or memory, is not known here: a check must end soon, whatever was imported.
Hashes around bcrypt are only recognised: passwords.py alone calls bcrypt.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

from webadmin.settings import HIGHEST_COST, LOWEST_COST

LONGEST_HASH = 512                  # characters, as wide as the column
MOST_ROUNDS = 2_000_000             # of PBKDF2: about a second
MOST_SCRYPT = 1 << 20               # N * r: 128 MiB; and twice that in all, with p
MOST_ARGON_KIB, MOST_ARGON_WORK = 256 * 1024, 1 << 20      # memory; memory times passes
MOST_SHA_CRYPT_ROUNDS = 100_000     # computed in Python itself
MOST_PHPASS_ROUNDS = 17             # as a power of two

BCRYPT, DJANGO_BCRYPT, DJANGO_BCRYPT_SHA256 = "bcrypt-foreign", "django-bcrypt", "django-bcrypt-sha256"
BCRYPT_FORM = r"(?P<bcrypt>\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53})"
B64, AB64 = r"[A-Za-z0-9+/]+={0,2}", r"[./+A-Za-z0-9]+"
NUMBER = r"[1-9]\d{0,8}"


class Form(NamedTuple):
    """One way to write a hash: its scheme's name, its pattern, whether it is cheap enough, and the check (None: passwords.py has it)."""

    scheme: str
    pattern: re.Pattern[str]
    affordable: Callable[[re.Match[str]], bool]
    fits: Callable[[re.Match[str], bytes], bool] | None


def scheme_of(text: str) -> str | None:
    """The scheme of a hash that can be checked here, from its own writing; None for what is unknown or too costly."""
    found = _read(text)
    return found[0].scheme if found else None


def is_bcrypt(scheme: str | None) -> bool:
    """bcrypt is inside: `material` says what it was made of."""
    return scheme in (BCRYPT, DJANGO_BCRYPT, DJANGO_BCRYPT_SHA256)


def material(password: str, stored: str, scheme: str) -> tuple[bytes, str]:
    """What these programs give to bcrypt, and the bcrypt hash within what they stored. They cut at 72 bytes: so do we, for theirs only."""
    found = re.search(BCRYPT_FORM, stored)
    raw = password.encode()
    made_of = hashlib.sha256(raw).hexdigest().encode() if scheme == DJANGO_BCRYPT_SHA256 else raw[:72]
    return made_of, found["bcrypt"] if found else ""


def fits(password: str, stored: str, scheme: str) -> bool:
    """The password is the one that the hash was made of. Never raises: what cannot be checked fits nothing."""
    found = _read(stored)
    if found is None or found[0].scheme != scheme or found[0].fits is None:
        return False
    try:
        return found[0].fits(found[1], password.encode())
    except (ValueError, TypeError, MemoryError, OverflowError, ImportError):
        return False


def can_be_checked(scheme: str) -> bool:
    """False for Argon2 where the package argon2-cffi is not installed."""
    if "argon2" not in scheme:
        return True
    try:
        import argon2  # noqa: F401
    except ImportError:
        return False
    return True


def _read(text: str) -> tuple[Form, re.Match[str]] | None:
    if len(text) > LONGEST_HASH:
        return None
    for form in FORMS:
        found = form.pattern.fullmatch(text)
        if found:
            return (form, found) if form.affordable(found) else None
    return None


def _few_rounds(found: re.Match[str]) -> bool:
    return int(found["rounds"]) <= MOST_ROUNDS


def _pbkdf2(found: re.Match[str], password: bytes) -> bool:
    salt, key = _salt_and_key(found)
    return hmac.compare_digest(key, hashlib.pbkdf2_hmac(found["digest"] or "sha1", password, salt, int(found["rounds"]), len(key)))


def _small_scrypt(found: re.Match[str]) -> bool:
    n, r, p = _scrypt_costs(found)
    return n > 1 and n & (n - 1) == 0 and 0 < n * r <= MOST_SCRYPT and 0 < n * r * p <= 2 * MOST_SCRYPT


def _scrypt(found: re.Match[str], password: bytes) -> bool:
    salt, key = _salt_and_key(found)
    n, r, p = _scrypt_costs(found)
    made = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=132 * (n + p) * r + (1 << 20), dklen=len(key))
    return hmac.compare_digest(key, made)


def _scrypt_costs(found: re.Match[str]) -> tuple[int, int, int]:
    groups = found.groupdict()
    return (int(groups["n"]) if groups.get("n") else 1 << int(groups["log_n"])), int(found["r"]), int(found["p"])


def _salt_and_key(found: re.Match[str]) -> tuple[bytes, bytes]:
    """Werkzeug: text and hex; Django: text and base64; passlib: base64 without its padding, in an alphabet with a dot."""
    groups = found.groupdict()
    if groups.get("hex"):
        return found["salt"].encode(), bytes.fromhex(found["hex"])
    if groups.get("b64"):
        return found["salt"].encode(), _unpadded(found["b64"])
    return _unpadded(found["salt64"]), _unpadded(found["key64"])


def _unpadded(text: str) -> bytes:
    text = text.rstrip("=").replace(".", "+")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _small_argon2(found: re.Match[str]) -> bool:
    memory, passes = int(found["m"]), int(found["t"])
    return memory <= MOST_ARGON_KIB and memory * passes <= MOST_ARGON_WORK and int(found["p"]) <= 16


def _argon2(found: re.Match[str], password: bytes) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher().verify(found["argon2"], password)
    except (Argon2Error, InvalidHashError):
        return False


def _sha_crypt(found: re.Match[str], password: bytes) -> bool:
    from passlib.hash import sha256_crypt, sha512_crypt

    return (sha256_crypt if found["kind"] == "5" else sha512_crypt).verify(password, found[0])


def _phpass(found: re.Match[str], password: bytes) -> bool:
    from passlib.hash import phpass

    return phpass.verify(password, found[0])


def _phpass_rounds(found: re.Match[str]) -> bool:
    return 7 <= "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(found["log"]) <= MOST_PHPASS_ROUNDS


def _cheap_bcrypt(found: re.Match[str]) -> bool:
    return LOWEST_COST <= int(found["cost"]) <= HIGHEST_COST


HEX = r"(?P<hex>(?:[0-9a-f][0-9a-f])+)"
ARGON2_COSTS = rf"m=(?P<m>{NUMBER}),t=(?P<t>{NUMBER}),p=(?P<p>{NUMBER})"
ARGON2_FORM = rf"(?P<argon2>\$argon2(?:id|i|d)(?:\$v=\d+)?\${ARGON2_COSTS}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+)"
PBKDF2_PASSLIB = rf"\$pbkdf2(?:-(?P<digest>sha256|sha512))?\$(?P<rounds>{NUMBER})\$(?P<salt64>{AB64})\$(?P<key64>{AB64})"
SCRYPT_DJANGO = rf"scrypt\$(?P<n>{NUMBER})\$(?P<salt>[^$]+)\$(?P<r>{NUMBER})\$(?P<p>{NUMBER})\$(?P<b64>{B64})"
SCRYPT_PASSLIB = rf"\$scrypt\$ln=(?P<log_n>\d\d?),r=(?P<r>{NUMBER}),p=(?P<p>{NUMBER})\$(?P<salt64>{AB64})\$(?P<key64>{AB64})"

FORMS = tuple(Form(scheme, re.compile(pattern), affordable, check) for scheme, pattern, affordable, check in (
    (BCRYPT, BCRYPT_FORM, _cheap_bcrypt, None),
    ("werkzeug-pbkdf2", rf"pbkdf2:(?P<digest>sha1|sha224|sha256|sha384|sha512):(?P<rounds>{NUMBER})\$(?P<salt>[^$]+)\${HEX}",
     _few_rounds, _pbkdf2),
    ("werkzeug-scrypt", rf"scrypt:(?P<n>{NUMBER}):(?P<r>{NUMBER}):(?P<p>{NUMBER})\$(?P<salt>[^$]+)\${HEX}",
     _small_scrypt, _scrypt),
    ("django-pbkdf2", rf"pbkdf2_(?P<digest>sha1|sha256)\$(?P<rounds>{NUMBER})\$(?P<salt>[^$]+)\$(?P<b64>{B64})", _few_rounds, _pbkdf2),
    ("django-scrypt", SCRYPT_DJANGO, _small_scrypt, _scrypt),
    ("django-argon2", rf"argon2{ARGON2_FORM}", _small_argon2, _argon2),
    (DJANGO_BCRYPT_SHA256, rf"bcrypt_sha256\${BCRYPT_FORM}", _cheap_bcrypt, None),
    (DJANGO_BCRYPT, rf"bcrypt\${BCRYPT_FORM}", _cheap_bcrypt, None),
    ("argon2", ARGON2_FORM, _small_argon2, _argon2),
    ("scrypt", SCRYPT_PASSLIB, _small_scrypt, _scrypt),
    ("pbkdf2", PBKDF2_PASSLIB, _few_rounds, _pbkdf2),
    ("sha-crypt", r"\$(?P<kind>[56])\$(?:rounds=(?P<rounds>[1-9]\d{0,8})\$)?[./A-Za-z0-9]{0,16}\$[./A-Za-z0-9]{43,86}",
     lambda found: int(found["rounds"] or 5000) <= MOST_SHA_CRYPT_ROUNDS, _sha_crypt),
    ("phpass", r"\$[PH]\$(?P<log>[./0-9A-Za-z])[./0-9A-Za-z]{30}", _phpass_rounds, _phpass),
))
