"""The one gate for every sign-in, whatever the door: throttle, one equal check, then the account's state.

An unknown name, a wrong password, a disabled or deleted account and one locked by too many failures get the same answer
after the same time. Failures are counted before the password is looked at, so that parallel guesses gain nothing.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NoReturn

from webadmin.accounts import changes, hashing, passwords, proofs, read_only, rows, sources, tallies, throttle, turned_away, users
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import Busy, SignInRefused, TooManyAttempts, TooManyCodes, WrongCode, WrongCredentials
from webadmin.accounts.models import Account
from webadmin.accounts.second_factors import factors, totp
from webadmin.accounts.second_factors.factors import Held
from webadmin.accounts.throttle import Attempt
from webadmin.store import database

Second = Callable[[Account], bool]      # proves the second factor of an account that it gets, held, in a transaction


def authenticate(name: str, password: str, *, by: Actor, device: str = "") -> Account:
    """The account that `name` (username or e-mail) and `password` open at once. Never call it inside a transaction.

    An account with a second factor is opened by its password followed by the six digits of its app, and by nothing less.
    `device` is the cookie of throttle.know_device: its failures count apart, so that a stranger's cannot lock the owner out.
    Raises TooManyAttempts (429), Busy (503) or WrongCredentials.
    """
    known, code = users.named(name), ""
    held = factors.of(known)
    may_be_both = len(passwords.normal(password) or "") <= passwords.LONGEST      # a longer text is refused unheard, whoever it is for
    if held.app and may_be_both:
        password, code = totp.split(password)

    def hopeless() -> bool:
        return _owes(known, held) and not (known and held.app and totp.fits(known, held.app, code))
    return _at_once(known, name, password, lambda account: totp.accept(account, code), hopeless, by, device)


def basic(name: str, password: str, *, by: Actor) -> Account:
    """authenticate, for credentials that come with every request (RFC 7617): bcrypt once, then a keyed memory of five minutes.

    The account's state is read each time; a changed password or a new second factor misses by itself, for hash and epoch are in the
    key. A hit is no attempt, so that a stranger's failures cannot stop a running script; failures are never kept. An account with a
    second factor is never opened: what comes with every request cannot be good once.
    """
    known = users.named(name)
    mine = proofs.of(known, name, password)
    if known and _memory.is_fresh(mine) and _opens_alone(known):
        return known
    with _memory.check(mine) as first:
        if not first and (remembered := _remembered(name, password)):
            return remembered
        try:
            return _basic_anew(name, password, by)
        except (TooManyAttempts, Busy):
            if remembered := _remembered(name, password):      # it was to be proved early
                return remembered
            raise


def _basic_anew(name: str, password: str, by: Actor) -> Account:
    known = users.named(name)
    account = _at_once(known, name, password, lambda _: False, lambda: _owes(known, factors.of(known)), by)
    fresh = users.find(account.id)       # the sign-in may have hashed the password anew
    if fresh.epoch != account.epoch or not fresh.may_sign_in:      # what was proved is over already
        raise WrongCredentials
    _memory.add(proofs.of(fresh, name, password))
    return fresh


def _remembered(name: str, password: str) -> Account | None:
    known = users.named(name)
    return known if known and _memory.knows(proofs.of(known, name, password)) and _opens_alone(known) else None


def _opens_alone(account: Account) -> bool:
    """With its password and nothing else."""
    return account.may_sign_in and not factors.asked_of(account)


def _owes(known: Account | None, held: Held) -> bool:
    return held.any or known is not None and factors.must_have(known)


def _at_once(known: Account | None, name: str, password: str, second: Second, hopeless: Callable[[], bool], by: Actor,
             device: str = "") -> Account:
    account, attempt = _proved(known, name, password, by, device, hopeless)
    _hash_anew(account, password)
    try:
        admit(account, attempt, second if _owes(account, factors.of(account)) else None, by=by)
    except database.ReadOnly:      # the code cannot be looked at, and nobody is told that the password was right
        _refuse(WrongCode, Kind.NO_SECOND_FACTOR, account, by)
    return account


def prove(known: Account | None, name: str, password: str, *, by: Actor, device: str = "") -> tuple[Account, Attempt]:
    """The account, once the throttle, the check of its password and its state have all said yes; `known` is what users.named(name) gave."""
    account, attempt = _proved(known, name, password, by, device)
    _hash_anew(account, password)
    return account, attempt


def _proved(known: Account | None, name: str, password: str, by: Actor, device: str,
            hopeless: Callable[[], bool] = lambda: False) -> tuple[Account, Attempt]:
    """`hopeless`, for want of a second factor, is asked once the attempt is counted and before the password is looked at: a wrong code
    costs what a wrong password does."""
    attempt = None
    source = _source(known, by, device)
    try:
        with _under_way(source, by):
            hashing.must_have_room(source)
            attempt = throttle.take(known, name, by.source, device)
            lost = hopeless()
            right = passwords.matches(password, known and known.password_hash, known and known.password_scheme, source=source)
    except (TooManyAttempts, Busy) as refusal:
        if attempt:
            throttle.give_back(attempt)
        sources.refused(source, refusal)
        turned_away.add(by)
        raise
    if known is None or not right or _is_locked(attempt, known):
        _refuse(WrongCredentials, Kind.WRONG_PASSWORD, known, by)
    if not known.may_sign_in:
        _refuse(WrongCredentials, Kind.NOT_ADMITTED, known, by)
    if lost:
        _refuse(WrongCode, Kind.NO_SECOND_FACTOR, known, by)
    return known, attempt


def _source(known: Account | None, by: Actor, device: str) -> str:
    """As what the attempt waits in the queue: a device that is known as itself, so that nobody beside it holds it up."""
    return f"{sources.DEVICE}{known.id}" if known and throttle.is_known_device(known, device) else tallies.network(by.source)


@contextmanager
def _under_way(source: str, by: Actor) -> Iterator[None]:
    """Raises TooManyAttempts or Busy before anything is looked at."""
    shares = hashing.shares
    if source.startswith(sources.DEVICE):
        devices = f"devices at {tallies.network(by.source)}"
        with sources.attempt(devices, shares.of_one_source), sources.attempt(source, shares.of_one_device):
            yield
        return
    sources.must_not_ask_on(source)
    with sources.attempt(source, shares.of_one_source):
        yield


def count(account: Account, *, by: Actor, device: str = "") -> Attempt:
    """One more attempt, at the second factor, of an account that has proved its password. Raises TooManyCodes or WrongCode."""
    try:
        attempt = throttle.take(account, account.username, by.source, device)
    except TooManyAttempts as wait:
        turned_away.add(by)
        raise TooManyCodes(wait.retry_after) from None
    if _is_locked(attempt, account):
        _refuse(WrongCode, Kind.NO_SECOND_FACTOR, account, by)
    return attempt


def admit(account: Account, attempt: Attempt, second: Second | None, *, by: Actor) -> None:
    """The sign-in is complete, where `second` (None: none is needed) says so too. Raises WrongCode."""
    try:
        with database.transaction():      # the account before its throttle, as everywhere: two must not wait for each other
            if second is None or second(rows.current(account)):
                welcome(account, by=by)
                throttle.succeeded(attempt)
                return
    except database.ReadOnly:
        if second is not None:      # a code that cannot be marked as used would be good twice
            raise
        throttle.succeeded_read_only(attempt)
        read_only.note(Kind.SIGNED_IN, by=by, account=account)
        return
    _refuse(WrongCode, Kind.NO_SECOND_FACTOR, account, by)


_memory = proofs.Memory()


def confirm(account: Account, password: str, *, by: Actor, device: str = "") -> None:
    """The signed-in person proves their password once more. A wrong one counts like a failed sign-in. Raises as authenticate does."""
    _, attempt = prove(account, account.username, password, by=by, device=device)
    try:
        with database.transaction():
            throttle.succeeded(attempt)
    except database.ReadOnly:
        throttle.succeeded_read_only(attempt)
        raise


def confirm_by(second: Second, account: Account, *, by: Actor, device: str = "") -> None:
    """The signed-in person proves their second factor once more; a wrong one counts as well. Raises TooManyCodes or WrongCode."""
    attempt = count(account, by=by, device=device)
    with database.transaction():
        if second(rows.current(account)):
            throttle.succeeded(attempt)
            return
    _refuse(WrongCode, Kind.NO_SECOND_FACTOR, account, by)


def welcome(account: Account, *, by: Actor, proof: Mapping[str, str] | None = None) -> None:
    """Note the sign-in of an account that has just proved itself, and by which `proof` where it was no password."""
    sources.succeeded(tallies.network(by.source))
    with database.transaction():
        Account.update(last_signed_in_at=database.now()).where(Account.id == account.id).execute()
        changes.record(Kind.SIGNED_IN, by=by.as_account(account), account=account, after=proof)


def _refuse(answer: type[SignInRefused], kind: Kind, account: Account | None, by: Actor) -> NoReturn:
    """Write it down, without the typed name: people type passwords there. Raises `answer`."""
    sources.failed(tallies.network(by.source))
    read_only.record(kind, by=by, account=account)
    raise answer


def _hash_anew(account: Account, password: str) -> None:
    fresh = passwords.hash_anew(password, account.password_hash, account.password_scheme)
    with suppress(database.ReadOnly):
        if fresh:
            with database.transaction():
                Account.update(password_hash=fresh[0], password_scheme=fresh[1]).where(
                    (Account.id == account.id) & (Account.password_hash == account.password_hash)).execute()


def _is_locked(attempt: Attempt, account: Account) -> bool:
    return attempt.locked and not _is_last_administrator(account)


def _is_last_administrator(account: Account) -> bool:
    return account.is_administrator and not rows.another_administrator(account)
