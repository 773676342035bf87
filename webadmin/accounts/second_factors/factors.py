"""Second factors: which an account has, whether it needs one, adding and removing them, and what a typed code proves.

Whoever adds a kind of factor adds it to Held, to `of`, and to OF_AN_ACCOUNT of models/second_factors.py.
"""
from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from webadmin.accounts import changes, policies, rows, sessions
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import Invalid, NotFound
from webadmin.accounts.models import OF_AN_ACCOUNT, Account, Authenticator, Passkey, RecoveryCode, shelves
from webadmin.accounts.second_factors import recovery, totp
from webadmin.accounts.sessions import NOTHING_KEPT, Kept
from webadmin.store import database
from webadmin.store.prepared import Prepared, slot

ADMINISTRATORS = "administrators"      # the policy's value by which they must have one
APP = "Authenticator app"
APP_OF = Prepared(lambda: Authenticator.select().where(Authenticator.account_id == slot(0)))
PASSKEYS_OF = Prepared(lambda: Passkey.select().where(Passkey.account_id == slot(0)).order_by(Passkey.id))


class WrongNewCode(Invalid):
    sentence, field = "This is not the code that the app shows now. Wait for the next one and try again.", "code"


@dataclass(frozen=True)
class Held:
    """The second factors of one account."""

    app: Authenticator | None
    passkeys: list[Passkey]

    @property
    def any(self) -> bool:
        return self.app is not None or bool(self.passkeys)


def of(account: Account | None) -> Held:
    """What the account has; an unknown one costs the same reads."""
    number = account.id if account else 0
    return Held(APP_OF.first(number), PASSKEYS_OF.all(number))


def must_have(account: Account) -> bool:
    """The policy asks this account for a second factor, whether it has one or not."""
    return account.is_administrator and policies.lately().second_factor == ADMINISTRATORS


def asked_of(account: Account) -> bool:
    """The account has no second factor and must add one before it does anything else."""
    return must_have(account) and not of(account).any


def administrators_without(most: int = 5) -> tuple[int, list[str]]:
    """How many active administrators have no second factor, and the names of the first few: whom the policy would ask."""
    found = Account.select(Account.username).where(
        (Account.shelf == shelves.ACTIVE_ADMINISTRATOR) & Account.id.not_in(Authenticator.select(Authenticator.account_id))
        & Account.id.not_in(Passkey.select(Passkey.account_id)))
    return found.count(), [each.username for each in found.order_by(Account.display_key, Account.id).limit(most)]


def add_app(account: Account, nonce: str, code: str, *, by: Actor, keep: Kept = NOTHING_KEPT) -> list[str]:
    """The app of this nonce is the account's from now on, in place of an older one; `code` proves that it works.

    Returns what `added` does. Raises WrongNewCode.
    """
    by.must_be(account)
    step = totp.step(account, nonce, _plain(code))
    if step is None:
        raise WrongNewCode
    with database.transaction():
        current = rows.current(account)
        Authenticator.delete().where(Authenticator.account_id == current.id).execute()
        Authenticator.insert(account_id=current.id, nonce=nonce, last_step=step, added_at=database.now()).execute()
        return added(current, APP, by=by, keep=keep)


def remove_app(account: Account, *, by: Actor, keep: Kept = NOTHING_KEPT) -> None:
    """The app's codes open nothing any more. Raises NotFound where there is none."""
    by.must_be(account)
    with database.transaction():
        current = rows.current(account)
        if not Authenticator.delete().where(Authenticator.account_id == current.id).execute():
            raise NotFound("This account has no authenticator app.")
        removed(current, APP, by=by, keep=keep)


def added(current: Account, factor: str, *, by: Actor, keep: Kept) -> list[str]:
    """Part of the caller's transaction: what the password alone had opened ends, but for what is kept.

    Returns new recovery codes, or none where the account has some left.
    """
    codes = [] if recovery.left(current) else recovery.make(current)
    _note(Kind.FACTOR_ADDED, current, by, keep, second_factor=factor)
    return codes


def removed(current: Account, factor: str, *, by: Actor, keep: Kept) -> None:
    """Part of the caller's transaction. Recovery codes go with the last factor: alone they are none."""
    if not of(current).any:
        RecoveryCode.delete().where(RecoveryCode.account_id == current.id).execute()
    _note(Kind.FACTOR_REMOVED, current, by, keep, second_factor=factor)


def reset(account: Account, *, by: Actor) -> None:
    """Take every second factor away, for somebody who has lost them all; the next sign-in asks for the password alone.

    Every session and login of the account ends, and its API token opens nothing. Raises Invalid where it has no second factor.
    """
    by.must_be_administrator()
    with database.transaction():
        current = rows.current(account)
        if not of(current).any:
            raise Invalid("This account has no second factor.")
        rows.remove_all_of(current, OF_AN_ACCOUNT)
        current.token_digest = None      # it may have been made by whoever made the reset necessary
        _note(Kind.FACTORS_RESET, current, by, NOTHING_KEPT)


def forget_codes_alone() -> None:
    """Remove the recovery codes of every account that has no other second factor: alone they are none. Part of the caller's transaction."""
    owners = Authenticator.select(Authenticator.account_id) | Passkey.select(Passkey.account_id)
    RecoveryCode.delete().where(RecoveryCode.account_id.not_in([account for (account,) in owners.tuples()])).execute()


def new_codes(account: Account, *, by: Actor) -> list[str]:
    """New recovery codes; the older ones are dead. Raises Invalid where there is no second factor that they could stand in for."""
    by.must_be(account)
    with database.transaction():
        current = rows.current(account)
        if not of(current).any:
            raise Invalid("Add a second factor first.")
        changes.record(Kind.CODES_MADE, by=by, account=current)
        return recovery.make(current)


def accept(account: Account, typed: str, *, by: Actor) -> bool:
    """The typed code, of the app or for recovery, is right and was never used. Part of the caller's transaction."""
    if accept_app(account, typed):
        return True
    if not of(account).any or not recovery.accept(account, _plain(typed)):
        return False
    changes.record(Kind.CODE_USED, by=by.as_account(account), account=account, before={}, after={"codes_left": recovery.left(account)})
    return True


def accept_app(account: Account, typed: str) -> bool:
    """The typed code, with or without spaces, is the app's and was never used. Part of the caller's transaction."""
    return totp.accept(account, _plain(typed))


def _plain(typed: str) -> str:
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", typed))


def _note(kind: Kind, current: Account, by: Actor, keep: Kept, **what: str) -> None:
    current.epoch += 1
    rows.save(current)
    ended = sessions.forget(current, keep=keep)
    changes.record(kind, by=by, account=current, before={}, after={**what, "sessions_ended": ended})
