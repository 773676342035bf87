"""The search index: kept here, in the transaction of the write, never by triggers (design.md, Data)."""
from __future__ import annotations

from functools import cache, reduce
from typing import Any, NamedTuple

from peewee import SQL, Expression, ModelSelect, NodeList, Value, fn

from webadmin.accounts import names
from webadmin.accounts.models import Account, Change, shelves
from webadmin.store import bulk, database, dialect
from webadmin.store.prepared import Prepared, slot

ENOUGH = 2_000          # a term that more accounts hold is common: the list's own order is walked instead
FEW = 300               # so many of a term's accounts tell how many there will be
SHORTEST_INSIDE = 3     # a trigram has three letters: shorter terms are looked for at the beginnings only
SOME_PIECES, MOST_PIECES = 6, 12      # of a term are asked for: few accounts have them all, though many may have some
LAST_LETTER = "\U0010ffff"
EVERYWHERE = Account.shelf.in_(shelves.ALL)      # so that the indexes that begin with it can be used
BEGINNINGS = (Account.username_key, Account.display_key, Account.email_sort)
MOST_KNOWN = 64         # beginnings
LAST_CHANGE = Prepared(lambda: Change.select(Change.seal).where(Change.group == "change").order_by(Change.id.desc()).limit(1))


def text_of(account: Account) -> str:
    """What is searched: names and e-mail, folded, a line each, some empty, so that no term spans two of them."""
    parts = (account.username, account.email or "", account.display_name, account.first_name, account.last_name)
    return "\n".join(names.fold(part) for part in parts)


def add(account: Account) -> None:
    if database.engine() == "sqlite":
        database.proxy.obj.execute_sql("INSERT INTO account_search(rowid, search_text) VALUES (?, ?)",
                                       (account.id, account.search_text))


def remove(account_id: int, text: str) -> None:
    """`text` must be what was added: the index keeps no copy of its own."""
    if database.engine() == "sqlite":
        database.proxy.obj.execute_sql("INSERT INTO account_search(account_search, rowid, search_text) VALUES ('delete', ?, ?)",
                                       (account_id, text))


def remove_all(accounts: ModelSelect) -> None:
    """Set-wise `remove`, before the texts change; `accounts` selects ids."""
    if database.engine() == "sqlite":
        _into_index(accounts.select(Value("delete"), Account.id, Account.search_text), "account_search", "rowid", "search_text")


def add_all(accounts: ModelSelect) -> None:
    """Set-wise `add`, after the texts have changed."""
    if database.engine() == "sqlite":
        _into_index(accounts.select(Account.id, Account.search_text), "rowid", "search_text")


def with_names(first: str | None, last: str | None) -> Any:
    """The text of each account, with these first and last names; None leaves its own."""
    if first is not None and last is not None:
        return dialect.joined(dialect.first_lines(Account.search_text, 3), f"\n{names.fold(first)}\n{names.fold(last)}")
    if last is not None:
        return dialect.joined(dialect.first_lines(Account.search_text, 4), f"\n{names.fold(last)}")
    own_last = dialect.last_line(Account.search_text)
    return dialect.joined(dialect.first_lines(Account.search_text, 3), f"\n{names.fold(first or '')}\n", own_last)


def _into_index(rows: ModelSelect, *columns: str) -> None:
    statement, values = rows.sql()
    database.proxy.obj.execute_sql(f"INSERT INTO account_search({', '.join(columns)}) {statement}", values)


def tidy() -> None:
    """Rewrite the index, so that nothing of a purged account is left in it."""
    if database.engine() == "sqlite":
        database.proxy.obj.execute_sql("INSERT INTO account_search(account_search) VALUES ('optimize')")


def rebuild() -> None:
    """Make the index anew from all accounts, where that takes less than to change it row by row."""
    if database.engine() == "sqlite":
        database.proxy.obj.execute_sql("INSERT INTO account_search(account_search) VALUES ('rebuild')")


def term_of(query: str) -> str:
    """What is looked for: the folded text."""
    return names.fold(query)


class Found(NamedTuple):
    """The ids of all accounts that may hold a term, in no order; None where there are more than ENOUGH, then `about` how many."""

    ids: list[int] | None
    about: int | None = None      # None where the engine does not tell


def matching(term: str) -> Found:
    if names.holds_unseen(term):
        return Found([])
    if len(term) < SHORTEST_INSIDE:
        ends = (term, term + LAST_LETTER)
        if any(_begin_after(column.name).tuples(*ends, 1, ENOUGH) for column in BEGINNINGS):
            return Found(None)
        found = {row for column in BEGINNINGS for (row,) in _begin_after(column.name).tuples(*ends, ENOUGH, 0)}
        return Found(list(found) if len(found) <= ENOUGH else None)
    return _indexed(term) if database.engine() == "sqlite" else Found(_ids(Account.search_text.contains(term)))


def _indexed(term: str) -> Found:
    """On SQLite: `matching` by the index. Each piece costs a walk through all that have it: so some, and all where those are not enough."""
    few = min(FEW, ENOUGH)
    found: list[int] = []
    for pieces in dict.fromkeys(expression(term, most) for most in (SOME_PIECES, MOST_PIECES)):
        found = _matched(pieces, few + 1)
        if len(found) <= few:
            return Found(found)
    about = _guessed(found)
    found = _matched(expression(term), ENOUGH + 1) if about <= 4 * ENOUGH else []
    return Found(found) if 0 < len(found) <= ENOUGH else Found(None, about)


def _guessed(first: list[int]) -> int:
    """How many there are, told by how close together the first of them stand."""
    return bulk.last_id(Account) * len(first) // first[-1]


def _matched(pieces: str, limit: int) -> list[int]:
    """Ascending."""
    rows = database.proxy.obj.execute_sql("SELECT rowid FROM account_search WHERE account_search MATCH ? LIMIT ?", (pieces, limit))
    return [row[0] for row in rows.fetchall()]


def expression(term: str, most: int = MOST_PIECES) -> str:
    """The term for FTS5: its three-letter pieces, spread over it where they are more than `most`. The index knows where none of them
    stands, so each row is asked as well."""
    last = len(term) - SHORTEST_INSIDE
    starts = range(last + 1) if last < most else [round(each * last / (most - 1)) for each in range(most)]
    pieces = sorted({term[start:start + SHORTEST_INSIDE] for start in starts})
    return " AND ".join('"' + piece.replace('"', '""') + '"' for piece in pieces)


_elsewhere: dict[tuple[str, str], tuple[object, list[int] | None]] = {}


def begun_elsewhere(term: str, column: Any) -> list[int] | None:
    """On SQLite: who begins with the term in one of BEGINNINGS, though not in `column`; None for more than ENOUGH.

    Asked anew only when an account has changed since: among a million it takes some hundredths of a second.
    """
    last = (*LAST_CHANGE.tuples(), database.sqlite_path())
    known = _elsewhere.get((term, column.name))
    if known is None or known[0] != last:
        found = {each.name: set((_begin(each.name).tuples(term, term + LAST_LETTER)[0][0] or "").split(",")) for each in BEGINNINGS}
        own = found.pop(column.name)
        others = [int(number) for number in set().union(*found.values()) - own if number]
        if len(_elsewhere) >= MOST_KNOWN:
            _elsewhere.clear()
        _elsewhere[term, column.name] = known = (last, others if len(others) <= ENOUGH else None)
    return known[1]


@cache
def _begin(column: str) -> Prepared:
    """The numbers in one text, which Python takes apart in half the time that as many rows take."""
    begun = EVERYWHERE & begins(getattr(Account, column), slot(0), slot(1))
    return Prepared(lambda: Account.select(fn.GROUP_CONCAT(Account.id)).where(begun))


@cache
def _begin_after(column: str) -> Prepared:
    """Some of them, behind as many others."""
    begun = EVERYWHERE & begins(getattr(Account, column), slot(0), slot(1))
    return Prepared(lambda: Account.select(Account.id).where(begun).limit(slot(2)).offset(slot(3)))


def indexed(match: Any) -> Expression:
    """SQLite's index gives the rows that may hold the term of `match`, an `expression`."""
    return Account.id.in_(NodeList((SQL("(SELECT rowid FROM account_search WHERE account_search MATCH"), match, SQL(")"))))


def begun(term: Any, upper_end: Any, but: Any) -> Expression:
    """The rows that begin with the term in one of BEGINNINGS, though not in the column `but`. By their indexes alone: SQLite would
    sooner read the whole table."""
    legs = {column.name: Account.select(Account.id).where(EVERYWHERE & begins(column, term, upper_end)) for column in BEGINNINGS}
    own = legs.pop(but.name, None)
    others = reduce(lambda one, other: one.union(other), legs.values())
    return Account.id.in_(others if own is None else others - own)


def shape_of(term: str) -> str:
    """How the term is looked for in one row: "inside", at the "beginning", or empty for no term."""
    return ("inside" if len(term) >= SHORTEST_INSIDE else "beginning") if term else ""


def holds(shape: str, row: Any, term: Any, upper_end: Any) -> Expression:
    """The same question as `matching`, asked of one row. `upper_end` is the term and LAST_LETTER."""
    if shape == "inside":
        return dialect.contains(row.search_text, term)
    first, second, third = (begins(getattr(row, column.column_name), term, upper_end) for column in BEGINNINGS)
    return first | second | third


def begins(column: Any, term: Any, upper_end: Any) -> Expression:
    return (column >= term) & (column < upper_end)


def _ids(condition: Expression) -> list[int] | None:
    found = [row[0] for row in Account.select(Account.id).where(EVERYWHERE & condition).limit(ENOUGH + 1).tuples()]
    return None if len(found) > ENOUGH else found
