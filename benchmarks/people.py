"""Made-up accounts, the same at every run: number n is always the same person."""
from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SYLLABLES = ("ada", "ben", "car", "do", "el", "fa", "gi", "ha", "in", "jo", "ka", "li", "mo", "na", "or", "pe", "qui", "ro", "sa", "ti",
             "um", "ve", "wil", "zo")
ENDINGS = ("berg", "dottir", "escu", "ford", "ini", "man", "nen", "ova", "sen", "son", "ström", "ton")
DOMAINS = ("harbour.example", *(f"{name}.example" for name in ("forest", "island", "market", "meadow", "river", "station")))
BIRTH = 1_700_000_000_000                                   # milliseconds since 1970
YEAR = 365 * 24 * 60 * 60 * 1000
COMMON = "harbour"                                          # in the e-mail of every seventh account
COLUMNS = ("username", "email", "display_name", "first_name", "last_name", "role", "active", "created_at", "last_signed_in_at",
           "deleted_at", "password_hash")


class Person(NamedTuple):
    """Times are milliseconds since 1970; 0 is never."""

    username: str
    email: str
    display_name: str
    first_name: str
    last_name: str
    administrator: bool
    active: bool
    created_at: int
    last_signed_in_at: int
    deleted_at: int
    password_hash: str


def person(number: int) -> Person:
    drawn = hashlib.sha512(str(number).encode()).digest()
    first = _word(drawn[0:2]).capitalize()
    last = (_word(drawn[2:5]) + ENDINGS[drawn[5] % len(ENDINGS)]).capitalize()
    username = f"{first}.{last}{number}".lower().replace("ö", "o")
    at = int.from_bytes(drawn[6:12], "big") % YEAR
    return Person(username, f"{username}@{DOMAINS[number % 7]}", f"{first} {last}", first, last, number % 97 == 0, number % 31 != 0,
                  BIRTH + number * 1000, BIRTH + YEAR + at if number % 3 else 0, BIRTH + 2 * YEAR if number % 53 == 0 else 0, _hash(drawn))


def people(count: int) -> Iterator[Person]:
    return map(person, range(1, count + 1))


def write(path: Path, count: int) -> Path:
    """The file that an import reads."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(each) for each in people(count))
    return path


def _cells(each: Person) -> tuple[str, ...]:
    return (*each[:5], "administrator" if each.administrator else "user", "yes" if each.active else "no", _time(each.created_at),
            _time(each.last_signed_in_at), _time(each.deleted_at), each.password_hash)


def _time(milliseconds: int) -> str:
    from datetime import UTC, datetime
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat() if milliseconds else ""


def _word(drawn: bytes) -> str:
    return "".join(SYLLABLES[each % len(SYLLABLES)] for each in drawn)


def _hash(drawn: bytes) -> str:
    """In bcrypt's format, of no password that anybody knows."""
    return "$2b$12$" + (drawn.hex() + drawn.hex())[:53]
