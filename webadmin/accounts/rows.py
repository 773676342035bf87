"""The row of one account inside a transaction: held, saved, and never the last administrator's to go."""
from __future__ import annotations

from collections.abc import Iterable

from webadmin.accounts import search
from webadmin.accounts.actors import Actor
from webadmin.accounts.errors import Conflict, LastAdministrator, NotAllowed, NotFound, UsernameTaken
from webadmin.accounts.models import OF_AN_ACCOUNT, Account, Model, Role, shelves
from webadmin.store import database, dialect


def current(account: Account, version: int | None = None, *, by: Actor | None = None) -> Account:
    """The account as it is now, held until the transaction ends. Raises NotFound, or Conflict where `version` is an older one.

    With `by`, NotAllowed where the account's own person asks and everything of theirs has ended since `account` was read: a password
    takes long to hash, and who was thrown out meanwhile must not set the next one.
    """
    found = dialect.locked(Account.select().where(Account.id == account.id)).get_or_none()
    if found is None:
        raise NotFound
    if version is not None and found.version != version:
        raise Conflict(found)
    if by is not None and by.account_id == account.id and found.epoch != account.epoch:
        raise NotAllowed("Your sign-in has ended meanwhile.")
    return found


def must_still_act(by: Actor) -> None:
    """The administrator who asks is one still: a password takes long to hash. Raises NotAllowed for who was shut out meanwhile."""
    mine = Account.select().where((Account.id == by.account_id) & (Account.shelf == shelves.ACTIVE_ADMINISTRATOR))
    if by.role == Role.ADMINISTRATOR and not mine.exists():
        raise NotAllowed("Your sign-in has ended meanwhile.")


def save(account: Account) -> None:
    """Write the row with its next version, and the search index where the searched text is another."""
    indexed = Account.select(Account.search_text).where(Account.id == account.id).scalar()
    account.version += 1
    account.updated_at = database.now()
    try:
        account.save()
    except database.IntegrityError:      # another server was quicker
        raise UsernameTaken from None
    if indexed != account.search_text:
        search.remove(account.id, indexed)
        search.add(account)


def remove(account: Account) -> None:
    """The row is gone for good, and with it what the search finds and the second factors. Part of the caller's transaction."""
    search.remove(account.id, account.search_text)
    search.tidy()
    remove_all_of(account, OF_AN_ACCOUNT)
    account.delete_instance()


def remove_all_of(account: Account, tables: Iterable[type[Model]]) -> None:
    """Every row of the account in these tables."""
    for table in tables:
        table.delete().where(table.account_id == account.id).execute()


def another_administrator(account: Account) -> bool:
    """An active administrator besides this one whose account has no end date."""
    others = Account.select().where((Account.shelf == shelves.ACTIVE_ADMINISTRATOR) & (Account.id != account.id))
    return others.where(Account.expires_at.is_null()).exists()


def hold_administrators() -> None:
    """Where rows can be held, all administrators are, in one order and first of all: two must not leave at once, nor block each other."""
    if database.engine() != "sqlite":
        found = [row[0] for row in Account.select(Account.id).where(Account.shelf == shelves.ACTIVE_ADMINISTRATOR).tuples()]
        held = Account.select(Account.id, Account.version).where(Account.id.in_(found))      # by the rows themselves, as mass.py says
        list(dialect.locked(held.order_by(Account.id)))


def keep_an_administrator(account: Account) -> None:
    """Raises LastAdministrator where the account, as it still stands in the store, is the last one."""
    stored = Account.select(Account.shelf).where(Account.id == account.id).scalar()
    if stored == shelves.ACTIVE_ADMINISTRATOR and not another_administrator(account):
        raise LastAdministrator
