"""Changes to every account at once: one transaction of set-wise SQL, one entry in the log with the details of each account."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import ModelSelect, Value

from webadmin.accounts import changes, names, passwords, rows, search, tallies, throttle, users
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import Invalid, LastAdministrator, NotAllowed
from webadmin.accounts.models import Account, Detail, Login, Session, shelves
from webadmin.accounts.sessions import NOTHING_KEPT, Kept
from webadmin.store import database, dialect

RULES = {"username": names.username, "email": names.email}


@dataclass(frozen=True)
class Plan:
    """What would happen: how many accounts, which fields."""

    accounts: int
    fields: tuple[str, ...]


def update(given: dict[str, str], password: str | None = None, *, by: Actor, keep: Kept = NOTHING_KEPT,
           dry_run: bool = False) -> Plan:
    """Give every account these fields (`first_name`, `last_name`, `username`, `email`) and this password.

    A password in bcrypt's own format is stored as the hash it is; any other is hashed once for all. Sessions and logins of changed
    passwords end, but those to keep. Raises Invalid where nothing is given, or a name would be shared by several accounts.
    """
    by.must_be_administrator()
    if not given and password is None:
        raise Invalid("Nothing to change was given.")
    columns: dict[str, str] = {name: names.seen(given[name], name) for name in ("first_name", "last_name") if name in given}
    unique = {name: RULES[name](value, name) for name, value in given.items() if name in RULES}
    _must_be_nobody_elses(unique)
    secret = _secret(password, unique, by) if password is not None else None
    plan = Plan(_everyone().count(), (*given, *(("password",) if secret else ())))
    if dry_run:
        return plan
    with database.transaction():      # a password took long to hash: is everything as it was?
        rows.hold_administrators()
        rows.must_still_act(by)
        _must_be_nobody_elses(unique)
        if unique:
            users.update(Account.get(Account.shelf.in_(shelves.PRESENT)), unique, by=by)
        if columns or secret:
            _update_all(columns, secret, by, keep)
    return plan


def delete_others(*, by: Actor, dry_run: bool = False) -> Plan:
    """Delete every account but the caller's; each can be restored. Raises LastAdministrator where the caller's own has an end date."""
    by.must_be_administrator()
    others = _everyone().where(Account.id != by.account_id)
    plan = Plan(others.count(), ("deleted_at",))
    if plan.accounts:
        _must_remain(by)
    if dry_run or not plan.accounts:
        return plan
    with database.transaction():
        rows.hold_administrators()
        _must_remain(by)      # two who delete everybody at once would delete each other
        _hold_everyone()
        for table in (Session, Login):
            table.delete().where(table.account_id != by.account_id).execute()
        number, now = changes.next_number(), database.now()      # from here on the log's head is held: no row of others after it
        _write_details(others, number, before={}, after={"deleted_at": Value(now)})
        Account.update(deleted_at=now, deleted_by_change=number, epoch=Account.epoch + 1, version=Account.version + 1,
                       updated_at=now).where(
            Account.shelf.in_(shelves.PRESENT) & (Account.id != by.account_id)).execute()
        changes.record_set(Kind.MASS_DELETED, by=by)
    return plan


def _must_be_nobody_elses(unique: dict[str, str]) -> None:
    if unique and _everyone().count() > 1:
        raise Invalid("A username or an e-mail address can belong to one account only.", field=next(iter(unique)))


def _must_remain(by: Actor) -> None:
    """The caller is the administrator who will be left: still one, and for good."""
    caller = users.find(by.account_id or 0)
    if not (caller.is_active and caller.is_administrator):
        raise NotAllowed
    if caller.expires_at is not None:
        raise LastAdministrator


def _everyone() -> ModelSelect:
    return Account.select(Account.id).where(Account.shelf.in_(shelves.PRESENT))


def _secret(password: str, unique: dict[str, str], by: Actor) -> tuple[str, str]:
    if passwords.is_bcrypt(password):
        return password, passwords.FOREIGN
    return passwords.hash_new(passwords.accept(password, username=unique.get("username", by.name), email=unique.get("email", "")),
                              source=tallies.network(by.source))


def _update_all(columns: dict[str, str], secret: tuple[str, str] | None, by: Actor, keep: Kept) -> None:
    everyone = _everyone()
    _hold_everyone()
    if secret:
        _end_sessions(by, keep)
    number = changes.next_number()      # from here on the log's head is held: no row of others after it
    after = {**{name: Value(value) for name, value in columns.items()}, **({"password": Value(changes.SECRET)} if secret else {})}
    _write_details(everyone, number, before={name: getattr(Account, name) for name in columns}, after=after)
    changed: dict[Any, Any] = {Account.version: Account.version + 1, Account.updated_at: database.now()}
    changed.update({getattr(Account, name): value for name, value in columns.items()})
    if secret:
        changed |= {Account.password_hash: secret[0], Account.password_scheme: secret[1], Account.epoch: Account.epoch + 1}
    whole = 2 * everyone.count() > Account.select().count()      # then to make the index anew takes less than to change it
    if columns and not whole:
        search.remove_all(everyone)
    if columns:
        changed[Account.search_text] = search.with_names(columns.get("first_name"), columns.get("last_name"))
    Account.update(changed).where(Account.shelf.in_(shelves.PRESENT)).execute()
    if columns:
        search.rebuild() if whole else search.add_all(everyone)
    changes.record_set(Kind.MASS_UPDATED, by=by)


def _end_sessions(by: Actor, keep: Kept) -> None:
    """All but the caller's own, which goes on in the epoch that is about to begin. Nobody's failures count against the new password."""
    epoch = Account.select(Account.epoch + 1).where(Account.id == by.account_id)
    throttle.forgive_all()
    for table, kept in ((Session, keep.session), (Login, keep.login)):
        table.delete().where(table.id != kept).execute()
        table.update(epoch=epoch).where(table.id == kept).execute()


def _hold_everyone() -> None:
    """Rows before the log's head, always in one order, or two writers could wait for each other. By number and with a column that no index
    has: MariaDB would hold the entry of an index first, and then wait for a row whose writer waits for that entry."""
    if database.engine() != "sqlite":
        for _ in dialect.locked(Account.select(Account.id, Account.version).order_by(Account.id)).tuples().iterator():
            pass


def _write_details(accounts: ModelSelect, number: int, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    source = accounts.select(Value(number), Account.id, dialect.json_object(**before), dialect.json_object(**after))
    Detail.insert_from(source, [Detail.change_id, Detail.account_id, Detail.before, Detail.after]).execute()
