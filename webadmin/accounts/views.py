"""What a list may show, in which order, and where a row stands in it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from webadmin.accounts import search
from webadmin.accounts.errors import UnknownView
from webadmin.accounts.models import Account
from webadmin.accounts.models.shelves import ROLES, STATES

SIZES = (25, 50, 100)
SORTS = {"display_name": Account.display_key, "state": Account.display_key, "email": Account.email_sort, "username": Account.username_key,
         "role": Account.display_key, "last_signed_in": Account.last_signed_in_at, "created": Account.created_at}
BY_NAME = [name for name, column in SORTS.items() if any(column is each for each in search.BEGINNINGS)]
SEEN = ("never", "90d", "1y", "7d")


@dataclass(frozen=True)
class View:
    """What a list shows. `after` and `before` are cursors that a Page gave; `before` empty means the last page."""

    q: str = ""
    state: str = ""            # "" is everyone but the deleted
    role: str = ""
    last_signed_in: str = ""
    sort: str = "display_name"
    order: str = "asc"
    per_page: int = 50
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        allowed = {"state": ("", *STATES), "role": ("", *ROLES), "last_signed_in": ("", *SEEN), "sort": SORTS, "order": ("asc", "desc"),
                   "per_page": SIZES}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise UnknownView(f"The list cannot be shown with {name} “{getattr(self, name)}”.", field=name)

    @property
    def shelves(self) -> list[int]:
        kept = [shelf for state, pair in STATES.items() for shelf in pair if self.state == state or not self.state and state != "deleted"]
        return [shelf for shelf in kept if not self.role or shelf % 2 == ROLES[self.role]]

    def rank(self, shelf: int) -> int:
        """Where a shelf stands among the others in this order: sorting by state or role puts whole shelves behind one another."""
        return {"state": shelf // 2, "role": shelf % 2}.get(self.sort, 0)


class Place(NamedTuple):
    """Where a row stands in the order of a view."""

    rank: int
    key: Any
    id: int
