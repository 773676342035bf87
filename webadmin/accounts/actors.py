"""Who acts, and what that lets them do. Every write of the rules takes one as `by`, asks it, and has it written down."""
from __future__ import annotations

from dataclasses import dataclass

from webadmin.accounts.errors import NotAllowed
from webadmin.accounts.models import Account, Role


@dataclass(frozen=True)
class Actor:
    """Who acts, through which door, from where. `account_id` is None for a stranger and for the command line."""

    door: str
    source: str = ""
    request_id: str = ""
    account_id: int | None = None
    name: str = ""
    role: int | None = None
    session_id: int | None = None
    system: bool = False

    @property
    def is_administrator(self) -> bool:
        return self.system or self.role == Role.ADMINISTRATOR

    def as_account(self, account: Account) -> Actor:
        """The same caller, now known to be `account`."""
        return Actor(self.door, self.source, self.request_id, account.id, account.username, account.role, self.session_id)

    def must_be_administrator(self) -> None:
        if not self.is_administrator:
            raise NotAllowed

    def must_own(self, account: Account) -> None:
        """The account's own person or an administrator."""
        if self.account_id != account.id:
            self.must_be_administrator()

    def must_be(self, account: Account) -> None:
        """The account's own person: whoever else could add a second factor could sign in as somebody else."""
        if self.account_id != account.id:
            raise NotAllowed


COMMAND_LINE = Actor(door="command line", name="the command line", system=True)
CLOCK = Actor(door="clock", name="the clock", system=True)
NOBODYS = {each.door: each.name for each in (COMMAND_LINE, CLOCK)}      # doors behind which no account stands
