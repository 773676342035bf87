"""Passkeys: added by the account's own person; they sign in without a password, are a second step after it, and confirm.

Without a password the authenticator must have asked for a PIN, finger or face: two factors in one. An answer is good once, within
minutes, for the one thing it was asked for.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from webadmin.accounts import changes, names, rows, signin, throttle, turned_away
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import Invalid, NotFound, PasskeyRefused, TooManyAttempts, WrongCode
from webadmin.accounts.models import Account, Passkey, PendingSignIn, RevokedToken
from webadmin.accounts.second_factors import ceremonies, factors, steps
from webadmin.accounts.second_factors.ceremonies import ADD, CONFIRM, SECOND, SIGN_IN, Answer, RelyingParty
from webadmin.accounts.sessions import NOTHING_KEPT, Kept
from webadmin.accounts.signin import Second
from webadmin.accounts.throttle import Attempt
from webadmin.store import database, dialect

MOST, LONGEST_NAME = 20, 60      # of one account; letters
TRANSPORTS = ("ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb")


def good_at(site: RelyingParty | None, account: Account) -> list[Passkey]:
    """Those that a browser can use there: a passkey is bound to the name that it was added under."""
    return [each for each in factors.of(account).passkeys if site and each.relying_party == site.id]


def begin_adding(account: Account, site: RelyingParty, *, by: Actor) -> dict[str, Any]:
    """What the browser is asked to make. Raises Invalid where the account has enough of them."""
    by.must_be(account)
    _must_have_room(account)
    return ceremonies.to_create(account, site, good_at(site, account), _signed_in(by))


def add(account: Account, text: str, name: str, site: RelyingParty, *, by: Actor, keep: Kept = NOTHING_KEPT) -> list[str]:
    """Keep the passkey that the browser has made; `text` is its JSON, `name` what the person will know it by.

    Returns what factors.added does. Raises Invalid, PasskeyRefused.
    """
    by.must_be(account)
    name = _named(name)
    answer = ceremonies.read(text)
    made = ceremonies.created(answer, site)
    with database.transaction():
        current = rows.current(account)
        _must_have_room(current)
        if not _spent(*ceremonies.mark(answer, ADD, _signed_in(by))):
            raise PasskeyRefused
        _insert(current, answer, made, name, site)
        return factors.added(current, _called(name), by=by, keep=keep)


def begin_sign_in(site: RelyingParty) -> dict[str, Any]:
    """What the browser is asked for where nobody has given a name: it offers what it finds, so that no name can be tried."""
    return ceremonies.to_get(SIGN_IN, site, [], "")


def sign_in(text: str, site: RelyingParty, *, by: Actor, device: str = "") -> Account:
    """The account whose passkey answered, its sign-in noted. `device` as in signin.authenticate. Raises PasskeyRefused, TooManyAttempts.

    A failure is counted ahead and written down; all have one answer.
    """
    claim = _claimed(text, site, SIGN_IN, "")
    account = Account.get_or_none(Account.id == claim.passkey.account_id) if claim.passkey else None
    attempt = _take(account, by, device)
    with database.transaction():      # the account before its throttle, as everywhere: two must not wait for each other
        trouble = _used(claim, rows.current(account)) if account else Kind.WRONG_PASSKEY
        if account and not trouble:
            signin.welcome(account, by=by, proof={"passkey": claim.name})
            throttle.succeeded(attempt)
            return account
        changes.record(trouble or Kind.WRONG_PASSKEY, by=by, account=account)
    raise PasskeyRefused


def begin_second(token: str, site: RelyingParty) -> dict[str, Any]:
    """What the browser is asked for after the password, in the sign-in that waits under this token. Raises SignInOver."""
    _, account = steps.look(token)
    return ceremonies.to_get(SECOND, site, good_at(site, account), token)


def finish(token: str, text: str, site: RelyingParty, *, by: Actor, device: str = "") -> tuple[PendingSignIn, Account]:
    """steps.finish, by a passkey. Raises PasskeyRefused besides."""
    try:
        return steps.finish(token, _second(_claimed(text, site, SECOND, token), by), by=by, device=device)
    except WrongCode:
        raise PasskeyRefused from None


def begin_confirming(account: Account, site: RelyingParty, *, by: Actor) -> dict[str, Any]:
    return ceremonies.to_get(CONFIRM, site, good_at(site, account), _signed_in(by))


def confirm(account: Account, text: str, site: RelyingParty, *, by: Actor, device: str = "") -> None:
    """The signed-in person proves with a passkey that it is still they. Raises PasskeyRefused, TooManyCodes."""
    try:
        signin.confirm_by(_second(_claimed(text, site, CONFIRM, _signed_in(by)), by), account, by=by, device=device)
    except WrongCode:
        raise PasskeyRefused from None


def find(passkey_id: int, account: Account) -> Passkey:
    """The account's passkey of this number. Raises NotFound."""
    passkey = Passkey.get_or_none((Passkey.id == passkey_id) & (Passkey.account_id == account.id))
    if passkey is None:
        raise NotFound("There is no such passkey.")
    return passkey


def rename(passkey_id: int, account: Account, name: str, *, by: Actor) -> None:
    """Raises Invalid, NotFound."""
    by.must_be(account)
    name = _named(name)
    with database.transaction():
        passkey = find(passkey_id, account)
        if passkey.name != name:
            Passkey.update(name=name).where(Passkey.id == passkey.id).execute()
            changes.record(Kind.FACTOR_RENAMED, by=by, account=account, before={"second_factor": _called(passkey.name)},
                           after={"second_factor": _called(name)})


def remove(passkey_id: int, account: Account, *, by: Actor, keep: Kept = NOTHING_KEPT) -> None:
    """It opens nothing any more, and neither does what it had opened. Raises NotFound."""
    by.must_be(account)
    with database.transaction():
        current = rows.current(account)
        passkey = find(passkey_id, current)
        passkey.delete_instance()
        factors.removed(current, _called(passkey.name), by=by, keep=keep)


@dataclass(frozen=True)
class _Claim:
    """What a browser's answer says, before it is used: which passkey, what the signature proves, the challenge's mark and end."""

    passkey: Passkey | None = None
    proof: Any = None      # None: it does not hold
    mark: tuple[str, int] = ("", 0)

    @property
    def name(self) -> str:
        return self.passkey.name if self.passkey else ""


def _claimed(text: str, site: RelyingParty, purpose: str, whom: str) -> _Claim:
    """Reads and computes; writes nothing and refuses nothing yet."""
    passkey = None
    try:
        answer = ceremonies.read(text)
        passkey = Passkey.get_or_none(Passkey.digest == _digest(answer))
        if passkey is None or not _names_its_account(answer, passkey, purpose):
            return _Claim(passkey)
        mark = ceremonies.mark(answer, purpose, whom)
        return _Claim(passkey, ceremonies.got(answer, site, passkey, must_verify=purpose != SECOND), mark)
    except PasskeyRefused:
        return _Claim(passkey)


def _names_its_account(answer: Answer, passkey: Passkey, purpose: str) -> bool:
    """An authenticator that was told which passkey to use may name nobody."""
    named = answer.response.get("userHandle")
    if named is None:
        return purpose != SIGN_IN
    account = Account.get_or_none(Account.id == passkey.account_id)
    return account is not None and named == ceremonies.handle(account)


def _second(claim: _Claim, by: Actor) -> Second:
    """The claim as the second factor of whom it is asked of."""
    def proved(held: Account) -> bool:
        trouble = _used(claim, held)
        if trouble is Kind.COPIED_PASSKEY:
            changes.record(trouble, by=by, account=held)
        return trouble is None
    return proved


def _used(claim: _Claim, held: Account) -> Kind | None:
    """Why the claim opens nothing; None: it is the account's, holds, and is used up. Part of the caller's transaction."""
    stood = dialect.locked(Passkey.select().where(Passkey.id == (claim.passkey.id if claim.passkey else 0))).get_or_none()
    if claim.proof is None or stood is None or stood.account_id != held.id:
        return Kind.WRONG_PASSKEY
    counted = claim.proof.new_sign_count
    if (counted or stood.sign_count) and counted <= stood.sign_count:      # most count nothing and always say 0
        return Kind.COPIED_PASSKEY
    if not held.may_sign_in:
        return Kind.NOT_ADMITTED
    if not _spent(*claim.mark):
        return Kind.WRONG_PASSKEY
    Passkey.update(sign_count=counted, backed_up=claim.proof.credential_backed_up, last_used_at=database.now()).where(
        Passkey.id == stood.id).execute()
    return None


def _spent(mark: str, ends: int) -> bool:
    """The challenge is used up now; False where it was before. The row that answers it is held, so nobody comes between."""
    if RevokedToken.select().where(RevokedToken.jti == mark).exists():
        return False
    RevokedToken.insert(jti=mark, expires_at=ends).execute()
    return True


def _take(account: Account | None, by: Actor, device: str) -> Attempt:
    try:
        return throttle.take_from(by.source, account, device)
    except TooManyAttempts:
        turned_away.add(by)
        raise


def _insert(account: Account, answer: Answer, made: Any, name: str, site: RelyingParty) -> None:
    given = answer.response.get("transports")
    transports = ",".join(each for each in TRANSPORTS if isinstance(given, list) and each in given)
    try:
        Passkey.insert(account_id=account.id, digest=_digest(answer), credential_id=answer.id, sign_count=made.sign_count,
                       public_key=ceremonies.coded(made.credential_public_key), relying_party=site.id, name=name, transports=transports,
                       backed_up=made.credential_backed_up, created_at=database.now()).execute()
    except database.IntegrityError:
        raise PasskeyRefused("This passkey is known already.") from None


def _must_have_room(account: Account) -> None:
    if len(factors.of(account).passkeys) >= MOST:
        raise Invalid(f"An account has at most {MOST} passkeys. Remove one that you no longer use.")


def _named(name: str) -> str:
    name = names.seen(name, "name", LONGEST_NAME)
    if not name:
        raise Invalid("A name is needed.", field="name")
    return name


def _called(name: str) -> str:
    """How the log calls it."""
    return f"Passkey “{name}”"


def _signed_in(by: Actor) -> str:
    return f"{by.account_id} {by.session_id}"


def _digest(answer: Answer) -> str:
    return hashlib.sha256(answer.id.encode()).hexdigest()
