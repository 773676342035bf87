"""The fields of an account: checked values put in place, and what follows from them. One namespace: see design.md, Data."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webadmin.accounts import names, search
from webadmin.accounts.errors import EmailTaken, Invalid, UsernameTaken
from webadmin.accounts.models import LONGEST_TEXT, Account, Role

OWN = {"display_name", "first_name", "last_name", "email"}
ALL = OWN | {"username", "role", "expires_at", "must_change_password", "is_chirpy_red"}


def put(account: Account, given: Mapping[str, Any]) -> None:
    """Put checked values in place, and what follows: keys, display name, search text. Raises Invalid.

    A display name that was only ever the username goes with it, for an account without one shows its username.
    """
    was = account.username
    for name in ("display_name", "first_name", "last_name"):
        if name in given:
            setattr(account, name, names.seen(given[name] or "", name))
    for name in ("expires_at", "must_change_password", "is_chirpy_red"):
        if name in given:
            setattr(account, name, given[name])
    if "role" in given:
        if given["role"] not in list(Role):
            raise Invalid("There is no such role.", field="role")
        account.role = int(given["role"])
    _set_names(account, given)
    if account.display_name == was != account.username and "display_name" not in given:
        account.display_name = ""
    account.display_name = account.display_name or f"{account.first_name} {account.last_name}".strip() or account.username
    account.display_name = account.display_name[:LONGEST_TEXT]
    account.display_key = names.fold(account.display_name)[:LONGEST_TEXT]      # é sorts with e; one letter can become eighteen
    account.search_text = search.text_of(account)


def changes_email(account: Account, given: Mapping[str, Any]) -> bool:
    """These fields would give the account another e-mail: as such, or as a username that is one."""
    username = given.get("username") or ""
    wanted = given.get("email", account.email) or (username if "@" in username else "")
    return wanted != (account.email or "")


def must_be_free(account: Account) -> None:
    """Raises UsernameTaken or EmailTaken where another account has the name, a deleted one included."""
    others = Account.select().where(Account.id != (account.id or 0))
    if "@" not in account.username_key and others.where(Account.username_key == account.username_key).exists():
        raise UsernameTaken
    if account.email_key and others.where(Account.email_key == account.email_key).exists():
        raise EmailTaken


def _set_names(account: Account, given: Mapping[str, Any]) -> None:
    """Username and e-mail are one namespace: a username that holds `@` is the account's own e-mail."""
    if "email" in given:
        email = names.email(given["email"]) if given["email"] else None
        if "@" in account.username and "username" not in given:
            if email is None:
                raise Invalid("This e-mail address is also the username, so it cannot be empty.", field="email")
            account.username = email
        account.email = email
    if "username" in given:
        account.username = names.username(given["username"])
        if "@" in account.username:
            if account.email and names.key(account.email) != names.key(account.username):
                raise Invalid("A username that is an e-mail address must be the account's own.", field="username")
            account.email = account.email or account.username
    account.username_key = _key(account.username, "username")
    account.email_key = _key(account.email, "email") if account.email else None


def _key(name: str, field: str) -> str:
    """The name as it is compared, which may be longer than the name: one letter can become eighteen."""
    key = names.key(name)
    if len(key) > LONGEST_TEXT:
        raise Invalid("This is too long.", field=field)
    return key
