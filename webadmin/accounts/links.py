"""One-time links. Only the keyed digest of a link's token is kept; a GET never uses one up."""
from __future__ import annotations

import secrets

from webadmin.accounts import keys
from webadmin.accounts.errors import LinkUsed
from webadmin.accounts.models import Link
from webadmin.store import database
from webadmin.store.database import MINUTE_MS

SET_UP = "set-up"
SET_UP_MINUTES = 60


def make_set_up() -> str:
    """The token of a new set-up link, 43 letters. Every older one is dead."""
    token, now = secrets.token_urlsafe(32), database.now()
    with database.transaction():
        Link.delete().where(Link.purpose == SET_UP).execute()
        Link.insert(digest=_digest(SET_UP, token), purpose=SET_UP, created_at=now, expires_at=now + SET_UP_MINUTES * MINUTE_MS).execute()
    return token


def look(purpose: str, token: str) -> Link:
    """The link, still good. Raises LinkUsed."""
    link = Link.get_or_none(Link.digest == _digest(purpose, token))
    if link is None or database.now() >= link.expires_at:
        raise LinkUsed
    return link


def use_up(purpose: str, token: str) -> Link:
    """The link, gone from now on; part of the caller's transaction, which waits for others here. Raises LinkUsed."""
    link = look(purpose, token)
    if not Link.delete().where(Link.digest == link.digest).execute():
        raise LinkUsed
    return link


def _digest(purpose: str, token: str) -> str:
    return keys.digest(f"link {purpose}", token)
