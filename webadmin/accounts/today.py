"""What each policy does today: a sentence beside it on the page; and what a change would take away, told before it is saved."""
from __future__ import annotations

from peewee import Expression, Field, fn

from webadmin.accounts import changes, directory, passwords
from webadmin.accounts.changes import Kind
from webadmin.accounts.models import Change, Session
from webadmin.accounts.policies import Policies
from webadmin.accounts.second_factors import factors
from webadmin.store import database
from webadmin.store.database import DAY_MS, HOUR_MS, MINUTE_MS

NAMED = 5      # of those whom a change concerns
AGES = ((2 * DAY_MS, DAY_MS, "day"), (2 * HOUR_MS, HOUR_MS, "hour"), (MINUTE_MS, MINUTE_MS, "minute"))


def sentences(rules: Policies) -> dict[str, str]:
    """By policy: what these rules do today."""
    return {name: say(rules) for name, say in SENTENCES.items()}


def losses(before: Policies, after: Policies) -> list[str]:
    """What such a change would take away today, and whom it would show more than before; empty where it harms nobody."""
    ended = Session.select().where(_in_force(before) & ~_in_force(after)).count()
    cut = _older_entries(after.log_days) if after.log_days != before.log_days else 0
    found = [(ended, f"{_many(ended, 'session')} would end."), (cut, f"{_many(cut, 'entry', 'entries')} of the log would go for good."),
             (after.directory and not before.directory, _directory(after)),
             (after.second_factor != before.second_factor and after.second_factor == factors.ADMINISTRATORS
              and factors.administrators_without()[0], _factor(after))]
    return [sentence for affected, sentence in found if affected]


def _registration(_: Policies) -> str:
    return f"{_many(_registered(7 * DAY_MS).count(), 'account')} registered in the last 7 days."


def _registrations(_: Policies) -> str:
    last = _registered(HOUR_MS)
    count = fn.COUNT(Change.id)
    busiest = last.select(count).group_by(Change.source).order_by(count.desc()).limit(1).scalar() or 0
    return f"In the last hour {_many(last.count(), 'account')} registered, {busiest:,} from one source."


def _directory(rules: Policies) -> str:
    ordinary, everyone = (_some(directory.tally(role)["all"]) for role in ("user", ""))
    return f"Ordinary accounts: {ordinary}. Each {'sees' if rules.directory else 'would see'} all {everyone}."


def _masks(rules: Policies) -> str:
    return f"{'Masked are' if rules.mask_hashes else 'Shown are'} the hashes of all {_some(directory.tally()['all'])} accounts."


def _idle(rules: Policies) -> str:
    return _oldest(_in_force(rules) & ~Session.remember, Session.seen_at, "unused for")


def _hours(rules: Policies) -> str:
    return _oldest(_in_force(rules) & ~Session.remember, Session.created_at, "signed in for")


def _days(rules: Policies) -> str:
    return _oldest(_in_force(rules) & Session.remember, Session.created_at, "signed in for")


def _factor(rules: Policies) -> str:
    count, names = factors.administrators_without(NAMED)
    asked = "are asked to add one" if rules.second_factor == factors.ADMINISTRATORS else "have none"
    return f"Administrators who {asked}: {_some(count)}{f' ({_listed(names, count)})' if names else ''}."


def _common(rules: Policies) -> str:
    return f"A new password may be none of {len(passwords.common(rules.common_passwords)):,}."


def _log(rules: Policies) -> str:
    head = changes.ends()
    count, oldest = head.change_id - head.first_id + 1, Change.select(fn.MIN(Change.at)).scalar()
    goes = _older_entries(rules.log_days)
    return f"{_many(count, 'entry', 'entries')}, the oldest from {_age(oldest)} ago. {f'{goes:,}' if goes else 'None'} would go today."


SENTENCES = {"registration": _registration, "registrations_an_hour": _registrations, "directory": _directory, "mask_hashes": _masks,
             "idle_minutes": _idle, "session_hours": _hours, "remember_days": _days, "common_passwords": _common, "second_factor": _factor,
             "log_days": _log}


def _in_force(rules: Policies) -> Expression:
    """Sessions that these rules let live; sessions.py decides so for one of them."""
    now = database.now()
    short = ((Session.created_at > now - rules.session_hours * HOUR_MS) & (Session.seen_at > now - rules.idle_minutes * MINUTE_MS)
             & ~Session.remember)
    long = (Session.created_at > now - rules.remember_days * DAY_MS) & Session.remember
    return (Session.expires_at > now) & (short | long)


def _oldest(wanted: Expression, time: Field, what: str) -> str:
    count, first = Session.select(fn.COUNT(Session.id), fn.MIN(time)).where(wanted).tuples().get()
    kind = _many(count, "such session")
    return f"{kind}, the longest {what} {_age(first)}." if count else f"{kind}."


def _registered(within: int):
    """Accounts that strangers made themselves by a contract. The set-up, in the browser, makes the first administrator."""
    first = Change.select(Change.id).where(Change.at >= database.now() - within).order_by(Change.at, Change.id).limit(1).scalar()
    return Change.select().where((Change.kind == Kind.CREATED.word) & (Change.id >= (first if first is not None else 1 << 62))
                                 & (Change.actor_id == Change.account_id) & (Change.door != "browser"))


def _older_entries(days: int) -> int:
    """How many entries of the log are older than so many days (0: none is too old)."""
    if not days:
        return 0
    head = changes.ends()
    young = Change.select(Change.id).where(Change.at >= database.now() - days * DAY_MS).order_by(Change.at, Change.id).limit(1).scalar()
    return max(0, (young if young is not None else head.change_id) - head.first_id)


def _listed(names: list[str], count: int) -> str:
    return ", ".join(names) + (f" and {count - len(names):,} more" if count > len(names) else "")


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def _some(count: int | None) -> str:
    return f"more than {directory.MOST_COUNTED:,}" if count is None else f"{count:,}"


def _age(since: int) -> str:
    passed = max(0, database.now() - since)
    unit, word = next(((unit, word) for least, unit, word in AGES if passed >= least), (0, ""))
    return _many(passed // unit, word) if unit else "less than a minute"
