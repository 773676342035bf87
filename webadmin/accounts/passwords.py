"""Passwords: policy, hash, check; the thread that hashes is in hashing.py. Nothing else may call bcrypt.

bcrypt at cost 12 of the UTF-8 bytes of the NFC text; above bcrypt's 72 bytes, of base64(SHA-384) of them, and the scheme
says so. Every check costs the same, whatever is stored, so that time tells nothing about an account; two exceptions: a right password
that is stored more cheaply is told at once, and an imported hash that costs more than ours (bcrypt 13 or 14, and what foreign_hashes
admits) takes its time until the next sign-in turns it into ours.
"""
from __future__ import annotations

import base64
import hashlib
import re
import time
import unicodedata
from functools import cache

import bcrypt

from webadmin.accounts import foreign_hashes, hashing, policies
from webadmin.accounts.errors import Busy, WeakPassword
from webadmin.settings import HIGHEST_COST, LOWEST_COST, USUAL_COST

SHORTEST, LONGEST = 8, 128          # characters
BCRYPT_BYTES = 72
PLAIN, LONG, FOREIGN = "bcrypt", "bcrypt-sha384", foreign_hashes.BCRYPT
NAMES_OF_OURS = ("webadmin", "administrator", "admin", "user")
COMMON = 5_000

cost = USUAL_COST


def configure(*, bcrypt_cost: int, threads: int = hashing.THREADS) -> None:
    """Set by the start: the cost, lower only in tests, and how many threads a process has."""
    global cost
    cost = bcrypt_cost
    hashing.configure(is_quick=bcrypt_cost < USUAL_COST, threads=threads)


def accept(password: str, *, username: str = "", email: str = "", field: str = "password") -> str:
    """The password in NFC. Raises WeakPassword with a sentence that says what would be better."""
    text = normal(password)
    if text is None:
        raise WeakPassword("This holds a character that cannot be typed.", field=field)
    if len(text) < SHORTEST:
        raise WeakPassword(f"A password has at least {SHORTEST} characters. A short sentence is best.", field=field)
    if len(text) > LONGEST:
        raise WeakPassword(f"A password has at most {LONGEST} characters.", field=field)
    if text.casefold() in common(policies.lately().common_passwords):
        raise WeakPassword("This is among the commonest passwords, and is guessed first.", field=field)
    if _is_a_name(text, username, email):
        raise WeakPassword("This is the account's own name. Take something that others would not guess.", field=field)
    return text


def normal(password: str) -> str | None:
    """NFC; None for text that UTF-8 cannot carry (a lone surrogate). The length is looked at before any work is done."""
    if len(password) > 4 * LONGEST:
        return password
    text = unicodedata.normalize("NFC", password)
    return None if any("\ud800" <= letter <= "\udfff" for letter in text) else text


def hash_new(password: str, *, source: str = "") -> tuple[str, str]:
    """Hash and scheme of an accepted password, in turn with other sources'. Waits for a hashing thread; raises Busy.

    Never inside a transaction.
    """
    material, scheme = _material(password)
    return hashing.in_turn(lambda: bcrypt.hashpw(material, bcrypt.gensalt(cost)).decode(), source=source), scheme


def is_bcrypt(text: str) -> bool:
    """`text` has bcrypt's own format, of a cost that can be checked in time."""
    return _cost_of(text) is not None


def hash_token(token: str) -> str:
    """bcrypt of a token of any length, in the form that the contract users_v2_basic.md shows. Waits like hash_new."""
    material, _ = _material(normal(token) or "")
    return hashing.in_turn(lambda: bcrypt.hashpw(material, bcrypt.gensalt(cost)).decode())


def matches(password: str, stored: str | None, scheme: str | None, *, source: str = "") -> bool:
    """One check that costs the same for every account and for none, in turn with other sources'. Raises Busy; never anything else."""
    text = normal(password)
    if text is None or len(text) > LONGEST:
        return False      # no one has such a password: refused before any work, for known and unknown names alike
    return hashing.in_turn(lambda: _check(text, stored, scheme), source=source)


def hash_anew(password: str, stored: str | None, scheme: str | None) -> tuple[str, str] | None:
    """A new hash for a right password whose stored one was made with less work than today's, or elsewhere; else None."""
    if scheme in (PLAIN, LONG) and (_cost_of(stored) or 0) >= cost:
        return None
    try:
        return hash_new(normal(password) or "")
    except Busy:
        return None      # next time


@cache
def common(which: str) -> frozenset[str]:
    """The commonest passwords that are long enough, 5,000 or in "full"; from zxcvbn's list, which is imported for this and let go."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    fitting = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= SHORTEST]
    return frozenset(fitting if which == "full" else fitting[:COMMON])


def _is_a_name(text: str, username: str, email: str) -> bool:
    """The name itself, or the name with only digits or signs around it."""
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text.casefold())
    own = {part.casefold() for whole in (username, email) if whole for part in (whole, whole.partition("@")[0])}
    stripped = {re.sub(r"^[\W\d_]+|[\W\d_]+$", "", name) for name in own}
    return text.casefold() in own or (bool(bare) and bare in own | stripped | set(NAMES_OF_OURS))


def _material(text: str) -> tuple[bytes, str]:
    raw = text.encode()
    return (raw, PLAIN) if len(raw) <= BCRYPT_BYTES else (base64.b64encode(hashlib.sha384(raw).digest()), LONG)


def _check(text: str, stored: str | None, scheme: str | None) -> bool:
    if stored and scheme and not foreign_hashes.is_bcrypt(scheme) and scheme not in (PLAIN, LONG):
        return _check_foreign(text, stored, scheme)
    material, wanted = _material(text)
    if stored and scheme and foreign_hashes.is_bcrypt(scheme):
        (material, stored), wanted = foreign_hashes.material(text, stored, scheme), scheme
    stored_cost = _cost_of(stored)
    if stored is None or stored_cost is None:
        bcrypt.hashpw(material, _salt(cost))
        return False
    right = bcrypt.checkpw(material, stored.encode())
    if not right:
        for missing in range(stored_cost, cost):      # 2^c + 2^c + ... + 2^11 = 2^12: what a hash of ours would have cost
            bcrypt.hashpw(material, _salt(missing))
    return right and scheme == wanted


def _check_foreign(text: str, stored: str, scheme: str) -> bool:
    """As long as a hash of ours, where it fails: the time that is missing is spent on bcrypt, in ever smaller pieces."""
    spent = time.perf_counter if "argon2" in scheme else time.thread_time      # Argon2 works on threads of its own
    begun = spent()
    right = foreign_hashes.fits(text, stored, scheme)
    missing = _seconds_of_lowest() * (1 << cost - LOWEST_COST) - (spent() - begun)
    for rounds in range(cost, LOWEST_COST - 1, -1) if not right else ():
        piece = _seconds_of_lowest() * (1 << rounds - LOWEST_COST)
        if piece <= missing:
            bcrypt.hashpw(b"", _salt(rounds))
            missing -= piece
    return right


@cache
def _seconds_of_lowest() -> float:
    """What bcrypt of the lowest cost takes on this machine; each cost above takes twice that of the one below."""
    begun = time.thread_time()
    for _ in range(8):
        bcrypt.hashpw(b"", _salt(LOWEST_COST))
    return (time.thread_time() - begun) / 8


def _salt(rounds: int) -> bytes:
    return b"$2b$%02d$abcdefghijklmnopqrstuu" % rounds


def _cost_of(stored: str | None) -> int | None:
    """None for what bcrypt would refuse, or work on for hours."""
    found = re.fullmatch(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", stored or "")
    rounds = int(found[1]) if found else 0
    return rounds if LOWEST_COST <= rounds <= HIGHEST_COST else None
