"""Self-registration: open or closed by a policy, and throttled, since its "exists" answers tell which names there are."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from webadmin.accounts import policies, throttle, users
from webadmin.accounts.changes import Actor
from webadmin.accounts.errors import NotAllowed, RegistrationClosed, Taken, TooManyAttempts
from webadmin.accounts.models import Account, Role


class TooManyNames(TooManyAttempts):
    sentence = "Too many accounts."


def register(given: Mapping[str, Any], password: str, *, by: Actor) -> Account:
    """Make an account for a stranger, or for an administrator any account. Raises as users.create does.

    A stranger's is an ordinary one; RegistrationClosed where they may not, NotAllowed where they ask for another role,
    TooManyAttempts above so many accounts and "exists" answers an hour from one source.
    """
    if by.is_administrator:
        return users.create(given, password, by=by)
    if not policies.now().registration:
        raise RegistrationClosed
    if given.get("role", Role.USER) != Role.USER:
        raise NotAllowed("Only administrators may register administrators.")
    with asking(by):
        account = users.create(given, password, by=Actor(by.door, by.source, by.request_id, by.account_id, by.name, system=True))
    throttle.count_registration(by.source)
    return account


@contextmanager
def asking(by: Actor) -> Iterator[None]:
    """Around what may answer that a name exists: counts that answer, and raises TooManyAttempts where there were too many."""
    try:
        throttle.may_register(by.source)
    except TooManyAttempts as error:
        raise TooManyNames(error.retry_after) from None
    try:
        yield
    except Taken:
        throttle.count_registration(by.source)
        raise
