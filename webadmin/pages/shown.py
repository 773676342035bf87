"""How entries of the log and values of fields read on pages; and addresses that keep a view's words."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from webadmin.accounts import activity, policies, sessions
from webadmin.accounts.actors import NOBODYS
from webadmin.accounts.models import Account, Role
from webadmin.accounts.policies import POLICIES
from webadmin.pages import days

FIELDS = {"username": "Username", "email": "E-mail", "display_name": "Display name", "first_name": "First name", "last_name": "Last name",
          "role": "Role", "active": "State", "must_change_password": "New password at next sign-in", "expires_at": "Account ends on",
          "is_chirpy_red": "Chirpy Red", "deleted_at": "Deleted", "password": "Password", "api_token": "API token",
          "sessions_ended": "Sessions ended", "session": "Session", "second_factor": "Second factor", "passkey": "Passkey",
          "codes_left": "Recovery codes left", **{name: policy.label for name, policy in POLICIES.items()}}
LATEST = 8      # entries of a history beside other things
ROLES = {Role.USER: "User", Role.ADMINISTRATOR: "Administrator"}
STATES = {"active": "Active", "disabled": "Disabled", "deleted": "Deleted"}
DOORS = {"browser": "the console", "": "several doors", **NOBODYS}


@dataclass(frozen=True)
class Line:
    """One entry of the log as the templates show it."""

    sentence: str
    at: int
    by: str
    by_url: str | None
    through: str
    source: str
    reason: str
    group: str
    ok: bool
    whom: list[tuple[str, str | None]]
    whom_more: str
    diff: list[tuple[str, str | None, str]]


def line(entry: activity.Entry) -> Line:
    change, kind = entry.change, entry.kind
    many = f"{change.accounts:,} {kind.counts}" if change.accounts > 1 else ""
    return Line(sentence=kind.sentence, at=change.at, by=entry.actor, through=DOORS.get(change.door, change.door), source=change.source,
                by_url=_page_of(change.actor_id, entry), reason=change.reason, group=kind.group,
                ok=kind.group != "refused", whom=[(name, _page_of(number, entry)) for number, name in entry.whom], whom_more=many,
                diff=[(FIELDS.get(name, name), value(name, before), value(name, after) or "none")
                      for name, before, after in entry.details if (name, after) != ("sessions_ended", 0)])


def _page_of(number: int | None, entry: activity.Entry) -> str | None:
    return f"/users/{number}" if number in entry.known else None


def value(name: str, raw: Any) -> str | None:
    """A value of the log in words; None where there is none to show."""
    if raw is None or raw == "":
        return None
    if name in POLICIES:
        return policies.words(name, raw)
    if name == "role":
        return ROLES[Role(raw)]
    if name == "active":
        return STATES["active" if raw else "disabled"]
    if name == "expires_at":
        return str(days.last(raw))
    if name == "deleted_at":
        return datetime.fromtimestamp(raw / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return ("yes" if raw else "no") if isinstance(raw, bool) else str(raw)


def sessions_of(account: Account, *, current: int) -> list[dict[str, Any]]:
    """The account's sessions as components/people.html shows them; `current` is the number of the one that looks."""
    return [{"id": each.id, "device": each.device, "source": each.source, "seen_at": each.seen_at,
             "current": each.id == current} for each in sessions.of(account)]


def address(path: str, words: dict[str, Any], **other: Any) -> str:
    """`path` with the words of a view, some of them put otherwise; what is None or empty is left out, but `before` may be empty."""
    kept = {name: given for name, given in {**words, **other}.items() if given not in (None, "") or (name == "before" and given == "")}
    return f"{path}?{urlencode(kept)}" if kept else path
