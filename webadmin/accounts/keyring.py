"""Are these the keys that the store was written with? The store keeps a digest of each, by which a lost or strange one is known."""
from __future__ import annotations

from webadmin.accounts import changes, keys, seals, sessions
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import AccountError
from webadmin.accounts.models import Authenticator, KeyMark, LogHead, RecoveryCode
from webadmin.accounts.second_factors import factors
from webadmin.store import database, dialect

FIRST = ("cookies", "tokens", "log", "jwt")      # those of the first versions, which kept no digests
LOST = {"cookies": "every session", "tokens": "API tokens, recovery codes and one-time links",
        "log": "the proof that the log is what was written", "jwt": "scripts' sign-ins", "factors": "authenticator apps"}
UNUSABLE = {"factors": Authenticator, "tokens": RecoveryCode}      # rows that only the lost key could read


class KeysLost(AccountError):
    """Keys are missing, or are those of another store."""

    def __init__(self, names: list[str]):
        lost = ", ".join(LOST.get(name, name) for name in names)
        super().__init__(f"The database was written with other keys than those in {keys.folder()} ({', '.join(names)}): put its key files "
                         f"back. To go on without them, run `flask --app webadmin new-keys`; that ends for good: {lost}.")


def must_fit() -> None:
    """The keys that were read are those of the store, or there is no store yet. Writes nothing. Raises KeysLost."""
    if names := lost():
        raise KeysLost(names)


def remember() -> None:
    """Keep a digest of each key that the store does not know yet: of the first ones, one that an update brought, a new one for JWTs.

    Raises KeysLost where another server made the store meanwhile, with other keys.
    """
    must_fit()
    known = _known()
    new = {name: keys.mark(name) for name in keys.NAMES if known.get(name) != keys.mark(name)}
    if new:
        with database.transaction():
            for name, mark in new.items():
                dialect.insert_once(KeyMark.insert(name=name, mark=mark), KeyMark.name)
                KeyMark.update(mark=mark).where(KeyMark.name == name).execute()


def renew(names: list[str], *, by: Actor) -> None:
    """Go on without the keys of these names, with those that are here now. Everybody is signed out.

    The log's end is signed anew: what was written before can be verified no more, what follows can.
    """
    by.must_be_administrator()
    with database.transaction():
        changes.move(changes.ends(held=True))
        sessions.sign_everybody_out()
        for table in (UNUSABLE[name] for name in names if name in UNUSABLE):
            table.delete().execute()
        factors.forget_codes_alone()
        KeyMark.delete().execute()
        remember()
        changes.record(Kind.NEW_KEYS, by=by, before={}, after={"keys": ", ".join(names)})


def lost() -> list[str]:
    """Names of keys that the store was written with, and that are not in the folder of keys."""
    known, head = _known(), _head()
    keys.read(keys.folder())      # now, for whoever makes a store at this moment makes its keys first
    if known:
        return [name for name, mark in known.items() if mark not in keys.marks(name)]
    if head is None:
        return []
    missing = [name for name in FIRST if not keys.marks(name)]
    return missing or ([] if seals.mark(head) == head.mark else ["log"])


def _known() -> dict[str, str]:
    if not database.proxy.obj.table_exists(KeyMark._meta.table_name):
        return {}
    return dict(KeyMark.select(KeyMark.name, KeyMark.mark).order_by(KeyMark.name).tuples())


def _head() -> LogHead | None:
    """None where the store is still to be made, or just being made."""
    found: LogHead | None = LogHead.get_or_none() if database.proxy.obj.table_exists(LogHead._meta.table_name) else None
    return found
