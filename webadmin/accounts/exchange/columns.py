"""The columns of a file of accounts: how each value is written, and read back.

A cell that a spreadsheet would take for a formula gets a `'` in front, and loses it when it is read (OWASP, CSV injection).
What people mostly write is read by short cuts, which give what the rules of names.py give; a test holds them to it.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from webadmin.accounts import foreign_hashes, names, passwords
from webadmin.accounts.errors import Invalid
from webadmin.accounts.models import LONGEST_TEXT, Role

FORMULA = re.compile(r"'*[=+\-@\t\r\0＝＋－＠]")
EPOCH, MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
LAST_MOMENT = "9999-12-31T23:59:59.999Z"
ROLES = {"user": Role.USER, "administrator": Role.ADMINISTRATOR, "admin": Role.ADMINISTRATOR, "1": Role.USER, "2": Role.ADMINISTRATOR}
ROLE_NAMES = {int(Role.USER): "user", int(Role.ADMINISTRATOR): "administrator"}
SWITCH = {**dict.fromkeys(("yes", "true", "1", "on", "y"), True), **dict.fromkeys(("no", "false", "0", "off", "n"), False)}
USUAL_EMAIL = re.compile(r"([a-z0-9_+]+(?:[.-][a-z0-9_+]+)*)@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]+")
LONGEST_PART = 63       # characters: of a label of a domain, and so of the whole usual domain; the part before it may have one more


def harmless(text: str) -> str:
    """With a `'` in front where a spreadsheet would see a formula."""
    return "'" + text if FORMULA.match(text) else text


def as_meant(cell: str) -> str:
    """What `harmless` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def moment(milliseconds: int | None) -> str:
    """A time in UTC as ISO 8601, empty for none."""
    try:
        return (EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")[:23] + "Z" if milliseconds else ""
    except OverflowError:
        return LAST_MOMENT


def _username(cell: str) -> str:
    text = as_meant(cell).strip(" ")
    return text if text.isascii() and len(text) <= LONGEST_TEXT and names.USERNAME.fullmatch(text) and text.strip(".") else (
        _email(text, "username") if "@" in text else names.username(text))


def _email(cell: str, field: str = "email") -> str:
    text = as_meant(cell).strip(" ")
    usual = USUAL_EMAIL.fullmatch(text)
    if usual and usual.end(1) <= LONGEST_PART and len(text) - usual.end(1) <= LONGEST_PART:
        return text
    return names.email(text, field) if text else ""


def _seen(field: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        text = as_meant(cell)
        return text.strip() if text.isascii() and text.isprintable() and len(text) <= LONGEST_TEXT else names.seen(text, field)
    return read


def _role(cell: str) -> int:
    role = ROLES.get(cell.strip().lower())
    if role is None:
        raise Invalid("A role is user or administrator.", field="role")
    return int(role)


def _switch(field: str) -> Callable[[str], bool]:
    def read(cell: str) -> bool:
        value = SWITCH.get(cell.strip().lower())
        if value is None:
            raise Invalid("This is yes or no.", field=field)
        return value
    return read


def _moment(field: str) -> Callable[[str], int]:
    def read(cell: str) -> int:
        try:
            at = datetime.fromisoformat(cell.strip())
            since = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH) // MILLISECOND
        except (ValueError, OverflowError):
            raise Invalid("This is not a time. It looks like 2026-03-01T12:00:00Z.", field=field) from None
        if since <= 0:
            raise Invalid("This time is before 1970.", field=field)
        return since
    return read


def _hash(cell: str) -> tuple[str, str] | str:
    """The hash and its scheme; empty for Django's mark of an account without a password."""
    text = cell.strip()
    if text.startswith("!"):
        return ""
    scheme = foreign_hashes.scheme_of(text)
    if scheme is None:
        raise Invalid("This is no password hash that can be checked here, or one that takes too long to check.", field="password_hash")
    return text, scheme


def _scheme(cell: str) -> str:
    text = cell.strip()
    if text not in SCHEMES:
        raise Invalid("There is no such kind of password hash.", field="password_scheme")
    return text


def _object_id(cell: str) -> str:
    text = cell.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{24}", text):
        raise Invalid("An object id has 24 hexadecimal digits.", field="object_id")
    return text


def _organisations(cell: str) -> str:
    if cell.strip():
        raise Invalid("Organisations cannot be imported yet: leave this empty.", field="orgs")
    return ""


def _as_it_is(cell: str) -> str:
    return cell


def _ignored(_: str) -> str:
    return ""


SCHEMES = {passwords.PLAIN, passwords.LONG, *(form.scheme for form in foreign_hashes.FORMS)}
READERS: dict[str, Callable[[str], Any]] = {
    "username": _username, "email": _email, "display_name": _seen("display_name"), "first_name": _seen("first_name"),
    "last_name": _seen("last_name"), "role": _role, "active": _switch("active"), "is_chirpy_red": _switch("is_chirpy_red"),
    "must_change_password": _switch("must_change_password"), "expires_at": _moment("expires_at"),
    "last_signed_in_at": _moment("last_signed_in_at"), "created_at": _moment("created_at"), "updated_at": _moment("updated_at"),
    "deleted_at": _moment("deleted_at"), "object_id": _object_id, "password_hash": _hash, "password_scheme": _scheme,
    "password": _as_it_is, "orgs": _organisations, "rejected_line": _ignored, "rejected_because": _ignored}
TEXTS = {"username", "email", "display_name", "first_name", "last_name"}
EXPORTED = ("object_id", "username", "email", "display_name", "first_name", "last_name", "role", "active", "is_chirpy_red",
            "must_change_password", "expires_at", "last_signed_in_at", "created_at", "updated_at", "deleted_at")
SECRETS = ("password_hash", "password_scheme")
