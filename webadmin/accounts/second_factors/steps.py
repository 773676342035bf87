"""Signing in at a browser in one step or two: the password, and where the account has a second factor, that one.

Between the two there is no session. What waits is a row that is bound to the account's epoch, for a few minutes and a few codes; its
token stands in the browser's form cookie.
"""
from __future__ import annotations

from typing import NamedTuple

from peewee import Expression

from webadmin.accounts import keys, signin, throttle, tokens, users
from webadmin.accounts.actors import Actor
from webadmin.accounts.errors import SignInOver
from webadmin.accounts.models import Account, PendingSignIn
from webadmin.accounts.second_factors import factors
from webadmin.accounts.signin import Second
from webadmin.accounts.throttle import Attempt
from webadmin.store import database
from webadmin.store.database import MINUTE_MS

MINUTES = 5
TRIES = 5


class Step(NamedTuple):
    """Who gave the right password. An empty `token` says that this was all; else it opens the second step."""

    account: Account
    token: str


def begin(name: str, password: str, *, by: Actor, device: str = "", remember: bool = False, going_to: str = "/") -> Step:
    """The first step. Raises as signin.authenticate does."""
    account, attempt = signin.prove(users.named(name), name, password, by=by, device=device)
    if not factors.of(account).any:
        signin.admit(account, attempt, None, by=by)
        return Step(account, "")
    token = tokens.opaque()
    with database.transaction():
        PendingSignIn.insert(digest=_digest(token), account_id=account.id, epoch=account.epoch, remember=remember, going_to=going_to,
                             expires_at=database.now() + MINUTES * MINUTE_MS).execute()
    return Step(account, token)


def look(token: str) -> tuple[PendingSignIn, Account]:
    """The sign-in that waits, and its account as it is now. Raises SignInOver."""
    pending = PendingSignIn.get_or_none(PendingSignIn.digest == _digest(token)) if token else None
    account = pending and Account.get_or_none(Account.id == pending.account_id)
    if not (pending and account and database.now() < pending.expires_at and pending.tries < TRIES
            and pending.epoch == account.epoch and account.may_sign_in):
        raise SignInOver
    return pending, account


def finish(token: str, second: Second, *, by: Actor, device: str = "") -> tuple[PendingSignIn, Account]:
    """The second step: whoever proves the second factor is signed in, once. Raises TooManyCodes, WrongCode or SignInOver."""
    pending, account = look(token)
    this = PendingSignIn.digest == pending.digest
    attempt = _attempt(this, account, by, device)
    signin.admit(account, attempt, lambda held: second(held) and bool(PendingSignIn.delete().where(this).execute()), by=by)
    return pending, account


def _attempt(this: Expression, account: Account, by: Actor, device: str) -> Attempt:
    """A password and one code are one attempt, which the first step has counted; every further code is one more.

    So who knows the password guesses codes as slowly as others guess passwords, and a wait that the first step began ends no sign-in.
    """
    with database.transaction():
        if PendingSignIn.update(tries=1).where(this & (PendingSignIn.tries == 0)).execute():
            return throttle.counted(account, by.source, device)
    attempt = signin.count(account, by=by, device=device)
    with database.transaction():
        if not PendingSignIn.update(tries=PendingSignIn.tries + 1).where(this & (PendingSignIn.tries < TRIES)).execute():
            raise SignInOver
    return attempt


def _digest(token: str) -> str:
    return keys.digest("pending sign-in", token)
