"""Browser sessions: start, resume, renew, end. A row each; the cookie holds a random key, the row its SHA-256."""
from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import suppress
from typing import NamedTuple

from webadmin.accounts import changes, policies, read_only
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import NotFound
from webadmin.accounts.models import Account, Link, Login, PendingSignIn, Session
from webadmin.accounts.policies import Policies
from webadmin.store import database
from webadmin.store.database import DAY_MS, HOUR_MS, MINUTE_MS
from webadmin.store.prepared import Prepared, slot

CONFIRMED_MINUTES = 15
TOUCH_EVERY_MS = MINUTE_MS        # a session's last use is kept to the minute: no write at every request

BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"), ("curl", "curl"))
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
           ("CrOS", "ChromeOS"), ("Linux", "Linux"))


class Kept(NamedTuple):
    """What goes on when everything else of an account ends: the session or the login that asked; 0 is none."""

    session: int = 0
    login: int = 0


NOTHING_KEPT = Kept()
BY_KEY = Prepared(lambda: Session.select(Session, Account).join(Account, on=(Session.account_id == Account.id), attr="account")
                  .where(Session.key_hash == slot(0)))


def start(account: Account, *, by: Actor, user_agent: str, remember: bool = False) -> str:
    """Sign a browser in. Returns the cookie's key: 256 random bits in 43 letters, or a proof where the store is read-only."""
    key, now, lasts = secrets.token_urlsafe(32), database.now(), _lasts(policies.now(), remember)
    try:
        with database.transaction():
            Session.insert(key_hash=_hash(key), account_id=account.id, epoch=account.epoch, remember=remember,
                           device=device(user_agent), source=by.source, created_at=now, seen_at=now, confirmed_at=now,
                           expires_at=now + lasts).execute()
    except database.ReadOnly:
        return read_only.start(account)
    return key


def resume(key: str) -> tuple[Session, Account] | None:
    """The session and its account as it is now; None unless both are in force. One joined, indexed read."""
    found = _without_row(key) if "." in key else BY_KEY.first(_hash(key))
    if found is None or not _in_force(found, found.account):
        return None
    now = database.now()
    if not read_only.is_one(found) and now - found.seen_at > TOUCH_EVERY_MS:
        with suppress(*database.Unavailable), database.transaction():      # full or read-only: those who are signed in may go on reading
            Session.update(seen_at=now).where(Session.id == found.id).execute()
    return found, found.account


def _without_row(key: str) -> Session | None:
    session = read_only.resume(key)
    if session is not None:
        session.account = Account.get_or_none(Account.id == session.account_id)
    return session if session and session.account else None


def _in_force(session: Session, account: Account) -> bool:
    rules, now = policies.lately(), database.now()
    alive = now < min(session.expires_at, session.created_at + _lasts(rules, session.remember))      # a shorter time counts for all
    alive = alive and (session.remember or now - session.seen_at < rules.idle_minutes * MINUTE_MS)
    return alive and session.epoch == account.epoch and account.may_sign_in


def _lasts(rules: Policies, remember: bool) -> int:
    return rules.remember_days * DAY_MS if remember else rules.session_hours * HOUR_MS


def renew(session: Session) -> str:
    """A new key for the same session, after the password was changed or confirmed. Returns it; the old one is dead."""
    key = secrets.token_urlsafe(32)
    with database.transaction():
        Session.update(key_hash=_hash(key), confirmed_at=database.now()).where(Session.id == session.id).execute()
    return key


def seconds_left(session: Session) -> int | None:
    """How long the browser keeps the cookie; None: until it is closed."""
    return max(1, (session.expires_at - database.now()) // 1000) if session.remember else None


def confirmed(session: Session) -> bool:
    """The person has proved within the last minutes that it is still they who sit there (docs/security.md, SS8)."""
    return 0 <= database.now() - session.confirmed_at < CONFIRMED_MINUTES * MINUTE_MS


def sign_out(session: Session, account: Account, *, by: Actor) -> None:
    if read_only.is_one(session):
        read_only.end(account)
        read_only.note(Kind.SIGNED_OUT, by=by, account=account)
        return
    with database.transaction():
        Session.delete_by_id(session.id)
        changes.record(Kind.SIGNED_OUT, by=by, account=account)


def of(account: Account) -> list[Session]:
    """Those in force, the last used first."""
    rows = Session.select().where((Session.account_id == account.id) & (Session.epoch == account.epoch)).order_by(Session.seen_at.desc())
    return [session for session in rows if _in_force(session, account)]


def count() -> int:
    """How many browsers are signed in, of all accounts; those that have been idle too long are among them until they expire."""
    return Session.select().where(Session.expires_at > database.now()).count()


def end(session_id: int, account: Account, *, by: Actor) -> None:
    """End one session of the account. Raises NotFound where it has no such session."""
    by.must_own(account)
    with database.transaction():
        session = Session.get_or_none((Session.id == session_id) & (Session.account_id == account.id))
        if session is None:
            raise NotFound("This session has ended already.")
        session.delete_instance()
        changes.record(Kind.SESSION_ENDED, by=by, account=account, before={"session": f"{session.device}, {session.source}"}, after={})


def forget(account: Account, *, keep: Kept) -> int:
    """Remove the rows of an account whose epoch went up; those to keep go on in the new one. Returns how many browser sessions ended."""
    Login.update(epoch=account.epoch).where((Login.id == keep.login) & (Login.account_id == account.id)).execute()
    Login.delete().where((Login.account_id == account.id) & (Login.id != keep.login)).execute()
    Session.update(epoch=account.epoch).where((Session.id == keep.session) & (Session.account_id == account.id)).execute()
    return Session.delete().where((Session.account_id == account.id) & (Session.id != keep.session)).execute()


def sign_everybody_out() -> int:
    """End every session and login, half-done sign-in and one-time link. Part of the caller's transaction. Returns how many ended."""
    return sum(table.delete().execute() for table in (Session, Login, Link, PendingSignIn))


def device(user_agent: str) -> str:
    """"Firefox on Windows": what a person can tell their devices apart by."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    named = " on ".join(part for part in (browser, system) if part)
    return named or re.sub(r"[^ -~]", "", user_agent)[:40] or "Unknown device"


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
