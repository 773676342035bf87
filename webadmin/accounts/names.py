"""Names: how they are compared, which are allowed. One namespace: see design.md, Data."""
from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from webadmin.accounts.errors import Invalid
from webadmin.accounts.models import LONGEST_TEXT

LONGEST_EMAIL, LONGEST_REASON = 254, 1000
USERNAME = re.compile(r"[A-Za-z0-9._+-]+")
# letters that cannot be seen, or that turn the reading direction: they make one name look like another
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def key(text: str) -> str:
    """The form in which names are compared: NFKC and casefold of the trimmed text."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.strip()).casefold())


def fold(text: str) -> str:
    """The form in which names are searched: as `key`, without accents ("Amélie" is found by "amelie")."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", key(text)) if not unicodedata.combining(letter))


def seen(text: str, field: str, longest: int = LONGEST_TEXT) -> str:
    """The trimmed NFC text. Raises Invalid for letters that cannot be seen and for too long a text."""
    text = unicodedata.normalize("NFC", text)
    if holds_unseen(text):
        raise Invalid("This holds a character that cannot be seen. Type it again by hand.", field=field)
    text = text.strip()
    if len(text) > longest:
        raise Invalid(f"This is longer than {longest} characters.", field=field)
    return text


def reason(text: str) -> str:
    """Why something was done, as it is kept in the log: one line. Raises Invalid."""
    return seen(text, "reason", LONGEST_REASON)


def holds_unseen(text: str) -> bool:
    """No stored name has such letters, and not every engine takes them."""
    return any(unicodedata.category(letter) in UNSEEN for letter in text)


def email(text: str, field: str = "email") -> str:
    """The address as it is kept. Raises Invalid; domains of one's own network (intranet.local) are fine."""
    text = seen(text, field, LONGEST_EMAIL)
    validator = _validator()
    try:
        found = validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
    except validator.EmailNotValidError:
        raise Invalid("This is not an e-mail address. It looks like name@example.com.", field=field) from None
    return str(found.normalized)


@cache
def _validator() -> Any:
    """Imported when the first address is looked at: its tables take a tenth of the whole start."""
    import email_validator

    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()      # localhost, *.local, *.test: a network of one's own has its accounts there
    return email_validator


def username(text: str, field: str = "username") -> str:
    """The username as it is kept: letters of ASCII, digits, . _ + -; or an e-mail address. Raises Invalid."""
    text = seen(text, field)
    if not text:
        raise Invalid("A username is needed.", field=field)
    if "@" in text:
        return email(text, field)
    if not USERNAME.fullmatch(text) or not text.strip("."):      # "." and ".." cannot stand in an address
        raise Invalid("A username has letters from a to z, digits and . _ + - only, or is a whole e-mail address.", field=field)
    return text
