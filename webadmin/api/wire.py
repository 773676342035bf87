"""Read what came: a JSON object with named keys, Basic, Bearer. No rules, no replies.

JSON as RFC 8259 asks and no looser: UTF-8, no key twice, no NaN, whole numbers up to 18 digits, nesting up to 32.
"""
from __future__ import annotations

import base64
import json
import re
from typing import Any, NoReturn

from flask import request

LONGEST_BODY = 64 * 1024      # bytes
DEEPEST = 32
LONGEST_NUMBER = 18           # digits
WHOLE = r"0|[1-9][0-9]*"      # a whole number in the digits of ASCII, as people write it


class Unreadable(Exception):
    """The body or a value in it cannot be taken; its text is one sentence."""


class NotJson(Exception):
    """A browser sent this with a credential of its own accord, and it is not application/json."""


class NoCredential(Exception):
    """The Authorization header is missing, of another scheme, or cannot be decoded."""


def json_object() -> dict[str, Any]:
    """The body, one JSON object. Raises Unreadable; the Content-Type does not matter."""
    try:
        text = request.get_data(cache=True).decode("utf-8")
        _look_at_nesting(text)
        found = json.loads(text, object_pairs_hook=_each_key_once, parse_constant=_refuse, parse_int=_whole, parse_float=_number)
        json.dumps(found, ensure_ascii=False).encode()      # a lone surrogate has no place in UTF-8
    except Unreadable:
        raise
    except (ValueError, RecursionError):
        raise Unreadable("The body is not a JSON object.") from None
    if not isinstance(found, dict):
        raise Unreadable("The body is not a JSON object.")
    return found


def text(given: dict[str, Any], name: str) -> str:
    """The string under this key. Raises Unreadable where it is missing or no string."""
    found = optional_text(given, name)
    if found is None:
        raise Unreadable(f"{name} is missing.")
    return found


def optional_text(given: dict[str, Any], name: str) -> str | None:
    """The string under this key, None where the key is missing. Raises Unreadable where it is no string."""
    if name in given and not isinstance(given[name], str):
        raise Unreadable(f"{name} must be a string.")
    return given.get(name)


def must_be_utf_8(raw: bytes) -> None:
    """Flask puts other letters in the place of broken ones; here they are refused. Raises Unreadable."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("This is not UTF-8.") from None


def must_be_json() -> None:
    """Where the browser adds the credential by itself, a form of another site must not pass for JSON. Raises NotJson."""
    if request.mimetype != "application/json" and (request.content_length or request.headers.get("Transfer-Encoding")):
        raise NotJson


def sent_by_browser() -> bool:
    return "Sec-Fetch-Site" in request.headers or "Origin" in request.headers


def scheme() -> str:
    """The scheme of the Authorization header in lower case; empty where there is none."""
    return _authorization()[0].lower()


def bearer() -> str | None:
    """The Bearer token (RFC 6750), None where there is no such header."""
    return _authorization()[1] if scheme() == "bearer" else None


def basic() -> tuple[str, str]:
    """Name and password (RFC 7617); a password may hold colons. Raises NoCredential."""
    if scheme() != "basic":
        raise NoCredential
    try:
        name, colon, password = base64.b64decode(_authorization()[1], validate=True).decode("utf-8").partition(":")
    except ValueError:      # no base64, letters beyond ASCII, or no UTF-8 in it
        raise NoCredential from None
    if not colon or not name:
        raise NoCredential
    return name, password


def whole(words: dict[str, Any], name: str, usual: int, lowest: int, highest: int = 10**9) -> int:
    """A whole number in digits of ASCII among the words of an address. Raises Unreadable."""
    given = words.get(name)
    if given is None:
        return usual
    if not (re.fullmatch(WHOLE, given) and len(given) <= LONGEST_NUMBER and lowest <= int(given) <= highest):
        raise Unreadable(f"{name} must be a whole number from {lowest} to {highest:,}.")
    return int(given)


def _authorization() -> tuple[str, str]:
    """Scheme and credential of the Authorization header; empty where they are missing."""
    scheme, credential, *_ = *request.headers.get("Authorization", "").split(None, 1), "", ""
    return scheme, credential.strip()


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("The body has a key twice.")
    return found


def _refuse(_: str) -> NoReturn:
    raise Unreadable("The body has a number that JSON does not know.")


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > LONGEST_NUMBER:
        raise Unreadable("The body has a number that is too long.")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if abs(number) >= 10**LONGEST_NUMBER:
        raise Unreadable("The body has a number that is too large.")
    return number


def _look_at_nesting(text: str) -> None:
    """Before the parser sees it: a hundred thousand brackets end Python's recursion."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth, in_string, escaped = 0, False, False
    for letter in text:
        if in_string:
            in_string, escaped = escaped or letter != '"', letter == "\\" and not escaped
        elif letter == '"':
            in_string = True
        elif letter in "[{":
            depth += 1
            if depth > DEEPEST:
                raise Unreadable("The body is nested too deeply.")
        elif letter in "]}":
            depth -= 1
