"""Accounts: find, create, update, disable, delete, restore, purge. Every write asks for permission and records its change."""
from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from webadmin.accounts import changes, fields, links, names, passwords, rows, search, sessions, tallies, throttle
from webadmin.accounts.actors import COMMAND_LINE, Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import Invalid, LinkUsed, NotAllowed, NotFound, UsernameTaken
from webadmin.accounts.models import Account, Role, shelves
from webadmin.accounts.sessions import NOTHING_KEPT, Kept
from webadmin.store import database, dialect
from webadmin.store.prepared import Prepared, slot

BY_EMAIL = Prepared(lambda: Account.select().where(Account.email_key == slot(0)))
BY_ID = Prepared(lambda: Account.select().where(Account.id == slot(0)))
BY_USERNAME = Prepared(lambda: Account.select().where(Account.username_key == slot(0)))


def named(name: str) -> Account | None:
    """The account of a username or e-mail, deleted ones included."""
    key = names.key(name)
    return None if names.holds_unseen(key) else (BY_EMAIL if "@" in key else BY_USERNAME).first(key)


def find(account_id: int) -> Account:
    """The account of this number, deleted ones included. Raises NotFound."""
    account: Account | None = BY_ID.first(account_id) if 0 <= account_id < 1 << 63 else None
    if account is None:
        raise NotFound
    return account


def administrator_exists() -> bool:
    return Account.select().where(Account.shelf == shelves.ACTIVE_ADMINISTRATOR).exists()


def create(given: Mapping[str, Any], password: str, *, by: Actor, reason: str = "",
           api_token: tuple[str, str | None] | None = None) -> Account:
    """Make an account from the fields of fields.ALL; `username` or `email` is needed. `api_token` is what tokens.hashed gave.

    Raises Invalid, WeakPassword or Taken.
    """
    by.must_be_administrator()
    reason = names.reason(reason)
    account = _drafted(given, password, by)
    if api_token:
        account.token_hash, account.token_digest = _unless_taken(api_token, account)
    with database.transaction():
        rows.must_still_act(by)
        _insert(account, by, reason)
    return account


def create_first_administrator(username: str, email: str, password: str, *, by: Actor, token: str | None) -> Account:
    """Make the first administrator, by the set-up link's token or by the settings (None). Raises LinkUsed where there is one."""
    account = _drafted({"username": username, "email": email, "role": Role.ADMINISTRATOR}, password, by)
    with database.transaction():
        if token is not None:
            links.use_up(links.SET_UP, token)
        if administrator_exists():
            raise LinkUsed
        _insert(account, by, "")
    return account


def update(account: Account, given: Mapping[str, Any], *, by: Actor, version: int | None = None, reason: str = "") -> Account:
    """Change the given fields (of fields.ALL; one's own account: of fields.OWN). `version` is that of the form that was opened.

    Returns the account as it is now. Raises NotAllowed, Conflict, Invalid, Taken or LastAdministrator.
    """
    by.must_own(account)
    if set(given) - (fields.ALL if by.is_administrator else fields.OWN):
        raise NotAllowed
    reason = names.reason(reason)
    with database.transaction():
        rows.hold_administrators()
        current = rows.current(account, version)
        must_not_be_deleted(current)
        before = changes.snapshot(current)
        fields.put(current, given)
        old, new = changes.difference(before, changes.snapshot(current))
        if not new:
            return current
        fields.must_be_free(current)
        if before["role"] == Role.ADMINISTRATOR and (current.role != Role.ADMINISTRATOR or current.expires_at is not None):
            rows.keep_an_administrator(current)
        if "role" in new and current.role != Role.ADMINISTRATOR:
            current.epoch += 1
        rows.save(current)
        if "role" in new:
            sessions.forget(current, keep=NOTHING_KEPT)
        changes.record(Kind.UPDATED, by=by, account=current, before=old, after=new, reason=reason)
    return current


def update_with_password(account: Account, given: Mapping[str, Any], password: str | None, *, by: Actor, version: int | None = None,
                         reason: str = "", must_change: bool = True, keep: Kept = NOTHING_KEPT) -> Account:
    """update and, where a password is given, change_password: both or neither."""
    if not password:
        return update(account, given, by=by, version=version, reason=reason)
    by.must_own(account)
    hashed = _hashed(password, given.get("username", account.username), given.get("email") or account.email or "", by)
    with database.transaction():
        rows.current(account, by=by)
        changed = update(account, given, by=by, version=version, reason=reason)
        return _set_password(changed, hashed, by=by, must_change=must_change, keep=keep)


def change_password(account: Account, password: str, *, by: Actor, must_change: bool = False, keep: Kept = NOTHING_KEPT,
                    api_token: tuple[str, str | None] | None = None) -> Account:
    """Set a new password, and the API token where one is given; ends every session, refresh token and JWT but those to keep.

    Raises WeakPassword, Busy.
    """
    by.must_own(account)
    hashed = _hashed(password, account.username, account.email or "", by)
    with database.transaction():
        changed = _set_password(account, hashed, by=by, must_change=must_change, keep=keep)
        return set_api_token(changed, api_token, by=by) if api_token else changed


def set_api_token(account: Account, api_token: tuple[str, str | None], *, by: Actor) -> Account:
    """Replace the API token by what tokens.hashed gave. One that another account has already opens nothing."""
    by.must_own(account)
    with database.transaction():
        current = rows.current(account, by=by)
        current.token_hash, current.token_digest = _unless_taken(api_token, current)
        rows.save(current)
        changes.record(Kind.TOKEN, by=by, account=current, before={}, after={"api_token": changes.SECRET})
    return current


def _unless_taken(api_token: tuple[str, str | None], account: Account) -> tuple[str, str | None]:
    hashed, digest = api_token
    taken = digest and Account.select().where((Account.token_digest == digest) & (Account.id != (account.id or 0))).exists()
    return hashed, None if taken else digest


def ask_for_new_password(account: Account, *, by: Actor) -> Account:
    """The next sign-in in the browser leads to the page that changes the password."""
    return _switch(account, Kind.PASSWORD_ASKED, by, must_change_password=True)


def disable(account: Account, *, by: Actor) -> Account:
    """Present in lists and unable to sign in. Raises LastAdministrator."""
    return _switch(account, Kind.DISABLED, by, active=False)


def enable(account: Account, *, by: Actor) -> Account:
    return _switch(account, Kind.ENABLED, by, active=True)


def delete(account: Account, *, by: Actor, reason: str = "") -> Account:
    """Out of every list and door until it is restored; its names stay taken. Raises LastAdministrator."""
    return _switch(account, Kind.DELETED, by, deleted_at=database.now(), reason=reason)


def restore(account: Account, *, by: Actor) -> Account:
    """As it was before, with all its old sessions and tokens still dead."""
    return _switch(account, Kind.RESTORED, by, deleted_at=None)


def end_sessions(account: Account, *, by: Actor, keep: Kept = NOTHING_KEPT) -> int:
    """End every session, refresh token and JWT but those to keep. Returns how many sessions ended."""
    by.must_own(account)
    with database.transaction():
        current = rows.current(account)
        current.epoch += 1
        rows.save(current)
        ended = sessions.forget(current, keep=keep)
        changes.record(Kind.SESSIONS_ENDED, by=by, account=current, before={}, after={"sessions_ended": ended})
    return ended


def purge(account: Account, *, by: Actor) -> None:
    """Remove a deleted account for good, and its personal data from the log. Raises Invalid unless it is deleted."""
    by.must_be_administrator()
    with database.transaction():
        current = rows.current(account)
        if current.deleted_at is None:
            raise Invalid("Delete the account first; then it can be deleted for good.")
        sessions.forget(current, keep=NOTHING_KEPT)
        throttle.forgive(current)
        rows.remove(current)
        changes.record(Kind.PURGED, by=by, account=current, then=lambda number: changes.blank(current.id, number))
    dialect.forget_overwritten()


def must_not_be_deleted(account: Account) -> None:
    """Raises Invalid."""
    if account.deleted_at is not None:
        raise Invalid("This account is deleted. Restore it first, then it can be changed.")


def _drafted(given: Mapping[str, Any], password: str, by: Actor) -> Account:
    """An account that is not saved yet, every rule but uniqueness checked, its password hashed."""
    if unknown := set(given) - fields.ALL:
        raise Invalid(f"Unknown: {', '.join(sorted(unknown))}.")
    now = database.now()
    account = Account(object_id=f"{now // 1000:08x}{secrets.token_hex(8)}", username="", display_name="", created_at=now, updated_at=now)
    fields.put(account, {**given, "username": given.get("username") or given.get("email") or ""})
    password = passwords.accept(password, username=account.username, email=account.email or "")
    fields.must_be_free(account)      # a name that is taken costs no hashing
    account.password_hash, account.password_scheme = passwords.hash_new(password, source=tallies.network(by.source))
    return account


def _hashed(password: str, username: str, email: str, by: Actor) -> tuple[str, str]:
    """Hash and scheme of a password that the rules accept. Before the transaction: hashing takes long."""
    return passwords.hash_new(passwords.accept(password, username=username, email=email), source=tallies.network(by.source))


def _set_password(account: Account, hashed: tuple[str, str], *, by: Actor, must_change: bool, keep: Kept) -> Account:
    rows.must_still_act(by)
    current = rows.current(account, by=by)
    asked = current.must_change_password
    current.password_hash, current.password_scheme = hashed
    current.must_change_password = must_change
    current.epoch += 1
    rows.save(current)
    ended = sessions.forget(current, keep=keep)
    throttle.forgive(current)
    old, new = changes.difference({"must_change_password": asked}, {"must_change_password": must_change})
    changes.record(Kind.PASSWORD, by=by, account=current, before=old, after={"password": changes.SECRET, "sessions_ended": ended, **new})
    return current


def _insert(account: Account, by: Actor, reason: str) -> None:
    fields.must_be_free(account)
    try:
        account.save(force_insert=True)
    except database.IntegrityError:      # another server was quicker
        raise UsernameTaken from None
    search.add(account)
    by = by if by.account_id is not None or by == COMMAND_LINE else by.as_account(account)      # who made their own account
    made = {name: value for name, value in changes.snapshot(account).items() if value not in (None, "", False)}
    changes.record(Kind.CREATED, by=by, account=account, before={}, after={**made, "password": "set"}, reason=reason)


def _switch(account: Account, kind: Kind, by: Actor, *, reason: str = "", **wanted: Any) -> Account:
    """Set one column that people turn on and off, unless it stands there already; what weakens an account ends its sessions."""
    by.must_be_administrator()
    reason = names.reason(reason)
    with database.transaction():
        rows.hold_administrators()
        current = rows.current(account)
        if "deleted_at" not in wanted:
            must_not_be_deleted(current)
        before = changes.snapshot(current)
        if all(bool(getattr(current, name)) == bool(value) for name, value in wanted.items()):
            return current
        for name, value in wanted.items():
            setattr(current, name, value)
        if not current.is_active:
            rows.keep_an_administrator(current)
        if kind is Kind.RESTORED:
            current.token_digest = None      # what somebody may have taken before opens nothing either
        if kind in (Kind.DISABLED, Kind.DELETED, Kind.RESTORED):
            current.epoch += 1
            sessions.forget(current, keep=NOTHING_KEPT)
        rows.save(current)
        old, new = changes.difference(before, changes.snapshot(current))
        changes.record(kind, by=by, account=current, before=old, after=new, reason=reason, then=lambda number: Account.update(
            deleted_by_change=number if current.deleted_at is not None else None).where(Account.id == current.id).execute())
    return current
