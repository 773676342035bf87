"""Self-registration: open or closed by a policy, and throttled, since its "exists" answers tell which names there are."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from webadmin.accounts import hashing, policies, sources, tallies, users
from webadmin.accounts.actors import Actor
from webadmin.accounts.errors import NotAllowed, RegistrationClosed, Taken, TooManyAttempts
from webadmin.accounts.models import Account, Role, Throttle
from webadmin.store import database
from webadmin.store.database import HOUR_MS


class TooManyNames(TooManyAttempts):
    sentence = "Too many accounts."


def register(given: Mapping[str, Any], password: str, *, by: Actor) -> Account:
    """Make an account for a stranger, or for an administrator any account. Raises as users.create does.

    A stranger's is an ordinary one; RegistrationClosed where they may not, NotAllowed where they ask for another role,
    TooManyAttempts above so many accounts and "exists" answers an hour from one source, Busy where it makes too many at once.
    """
    if by.is_administrator:
        return users.create(given, password, by=by)
    if not policies.now().registration:
        raise RegistrationClosed
    if given.get("role", Role.USER) != Role.USER:
        raise NotAllowed("Only administrators may register administrators.")
    with asking(by), sources.attempt(tallies.network(by.source), hashing.shares.of_one_source):
        account = users.create(given, password, by=Actor(by.door, by.source, by.request_id, by.account_id, by.name, system=True))
    count(by.source)
    return account


@contextmanager
def asking(by: Actor) -> Iterator[None]:
    """Around what may answer that a name exists: counts that answer, and raises TooManyAttempts where there were too many."""
    must_have_room(by.source)
    try:
        yield
    except Taken:
        count(by.source)
        raise


def must_have_room(source: str) -> None:
    """Raises TooManyNames where this source has made accounts, and been told that a name exists, often enough for now."""
    row, now = Throttle.get_or_none(Throttle.name == _counter(source)), database.now()
    if row is not None and 0 <= now - row.first_at < HOUR_MS and row.failures >= policies.now().registrations_an_hour:
        raise TooManyNames(max(1, (row.first_at + HOUR_MS - now) // 1000))


def count(source: str) -> None:
    """One account made, or one "exists" answer given."""
    name, now = _counter(source), database.now()
    with database.transaction():
        row = tallies.hold([name])[name]
        if not 0 <= now - row.first_at < HOUR_MS:
            row.failures, row.first_at = 0, now
        row.failures += 1
        row.updated_at = now
        row.save()


def _counter(source: str) -> str:
    return tallies.of_source("registrations", source)
