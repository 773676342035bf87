"""What an administrator may change while it runs: every policy, what it takes, its default and its sentence; who set it, and how.

Four places, the later wins: the default here, the table `setting`, `instance/config.py`, the environment. What the last two give is
fixed: nobody changes it while it runs. A change counts at once in the process that saved it and wherever now() is asked, within a
second where lately() is.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from webadmin import settings
from webadmin.accounts import changes
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import AccountError, Invalid
from webadmin.accounts.models import Setting
from webadmin.settings import Given, SettingError
from webadmin.store import database
from webadmin.store.prepared import Prepared

REMEMBERED_SECONDS = 1
SWITCH = {"yes": "On", "no": "Off"}
BOTH = "Strangers could then list every account: close self-registration, or keep the directory to administrators."


class Policy(NamedTuple):
    """What it is called and means; `choices` are value and word, where it is not a number of `unit`."""

    label: str
    sentence: str
    reader: Callable[[str], Any]
    choices: Mapping[str, str]
    unit: str


def _switch(default: bool, label: str, sentence: str, choices: Mapping[str, str] = SWITCH) -> Any:
    return field(default=default, metadata={"policy": Policy(label, sentence, settings.switch, choices, "")})


def _number(default: int, lowest: int, highest: int, unit: str, label: str, sentence: str) -> Any:
    return field(default=default, metadata={"policy": Policy(label, sentence, settings.whole(lowest, highest), {}, unit)})


def _choice(default: str, choices: Mapping[str, str], label: str, sentence: str) -> Any:
    return field(default=default, metadata={"policy": Policy(label, sentence, settings.one_of(*choices), choices, "")})


@dataclass(frozen=True)
class Policies:
    """All of them, as they are in force. The variable of `idle_minutes` is WEBADMIN_IDLE_MINUTES."""

    registration: bool = _switch(
        True, "Self-registration", "Whether strangers may make themselves an ordinary account, by the contracts that offer it.",
        {"yes": "Open", "no": "Closed"})
    registrations_an_hour: int = _number(
        300, 1, 1_000_000, "an hour", "Accounts from one source",
        "How many accounts one address may make, and learn that a name is taken, in an hour.")
    directory: bool = _switch(
        False, "Directory for ordinary accounts", "Whether they may list all others, by the contract that has such a list.")
    mask_hashes: bool = _switch(
        False, "Mask hashes", "Whether administrators' scripts see a mask where the contract shows hashes of passwords and tokens.")
    idle_minutes: int = _number(
        60, 1, 1440, "minutes", "Sessions end unused after", "Counted from the last page. Remembered sessions do not end by it.")
    session_hours: int = _number(24, 1, 720, "hours", "Sessions last at most", "Counted from the sign-in, however busy.")
    remember_days: int = _number(30, 1, 30, "days", "“Remember me” lasts", "Counted from the sign-in.")
    common_passwords: str = _choice(
        "5000", {"5000": "The 5,000 commonest", "full": "All that are known"}, "Refused passwords",
        "Which common passwords nobody may choose. Those that people have go on opening.")
    second_factor: str = _choice(
        "offered", {"offered": "Offered to everybody", "administrators": "Administrators must have one"}, "Second factor",
        "Who must sign in with more than a password. Who has none yet adds one after the next sign-in, before anything else.")
    log_days: int = _number(
        0, 0, 36_500, "days", "The log is kept for", "Older entries are removed every hour, whole, from the oldest on. 0 keeps all.")
    backup_hours: int = _number(
        0, 0, 720, "hours", "A backup is made every", "Into the folder backups of the data folder. 0 makes none. SQLite only.")
    backup_days: int = _number(14, 1, 3650, "days", "Backups are kept for", "Older ones are removed when the next one is there.")


POLICIES: dict[str, Policy] = {each.name: each.metadata["policy"] for each in fields(Policies)}
STORED = Prepared(lambda: Setting.select(Setting.name, Setting.value))


class ChangedMeanwhile(AccountError):
    sentence = "Someone else changed the settings while you were looking at them."


class _Known(NamedTuple):
    values: Policies
    read_at: float      # when the reading began, by the clock that only goes on


_given: dict[str, Given] = {}
_fixed: dict[str, Any] = {}
_known: _Known | None = None


def fix(given: Mapping[str, Given]) -> None:
    """Take what file and environment say about policies, by variable. Raises SettingError. What was known of the store is forgotten."""
    global _given, _fixed, _known
    found = {name: given[variable(name)] for name in POLICIES if variable(name) in given}
    fixed = {name: settings.read(variable(name), each.text, POLICIES[name].reader) for name, each in found.items()}
    if fixed.get("directory") and fixed.get("registration", True):
        raise SettingError("WEBADMIN_DIRECTORY would show every account to strangers: set WEBADMIN_REGISTRATION=closed with it.")
    _given, _fixed, _known = found, fixed, None


def now() -> Policies:
    """As they are in the store at this moment, by one small read. Where the store is away, the last known ones stand; where nothing is
    known yet, what the store raised is raised: no door opens by default."""
    global _known
    began = time.monotonic()
    try:
        with database.connection():
            rows = STORED.tuples()
    except database.Unavailable:
        if _known is None:
            raise
        return _known.values
    values = _in_force(dict(rows))
    if _known is None or _known.read_at <= began:      # else somebody has saved since
        _known = _Known(values, began)
    return values


def lately() -> Policies:
    """As they were within the last second: for what every page asks."""
    return _known.values if _known and time.monotonic() - _known.read_at < REMEMBERED_SECONDS else now()


def fixed_by(name: str) -> str:
    """Which source fixes this policy: a file's path or "the environment"; empty where it can be changed."""
    return _given[name].source if name in _given else ""


def variable(name: str) -> str:
    return f"WEBADMIN_{name.upper()}"


def stored() -> dict[str, Setting]:
    """What was changed here: by whom and when."""
    return {row.name: row for row in Setting.select()}


def version(rows: Mapping[str, Setting]) -> int:
    """Goes up with every change; a form carries it along."""
    return max((row.updated_at for row in rows.values()), default=0)


def read(name: str, text: str) -> Any:
    """The value of a policy. Raises Invalid."""
    try:
        return POLICIES[name].reader(text)
    except ValueError as wrong:
        raise Invalid(f"It {wrong}.", field=name) from None


def text(value: Any) -> str:
    """As the table holds it and read() takes it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def words(name: str, value: Any) -> str:
    """As people read it: "Open", "30 minutes", "1 day"."""
    policy = POLICIES[name]
    if policy.choices:
        return policy.choices.get(text(value), text(value))
    return f"{value:,} {policy.unit.removesuffix('s') if value == 1 else policy.unit}"


def change(wanted: Mapping[str, str], *, by: Actor, seen: int | None = None) -> Policies:
    """Change the named policies, one entry of the log for all. `seen` is the version that the form showed.

    Returns those in force now. Raises NotAllowed, Invalid, or ChangedMeanwhile.
    """
    by.must_be_administrator()
    values = {name: read(name, given) for name, given in wanted.items()}
    with database.transaction():
        changes.next_number()      # from here on nobody else writes
        rows = stored()
        if seen is not None and seen != version(rows):
            raise ChangedMeanwhile
        before = vars(_in_force({name: row.value for name, row in rows.items()}))
        new = {name: value for name, value in values.items() if value != before[name]}
        _must_be_allowed(new, before)
        for name, value in new.items():
            _keep(name, text(value), by=by, at=max(database.now(), version(rows) + 1))
        if new:
            changes.record(Kind.SETTINGS, by=by, before={name: before[name] for name in new}, after=new)
    return now()


def _must_be_allowed(new: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    if fixed := next((name for name in new if name in _fixed), ""):
        raise Invalid(f"{variable(fixed)} in {fixed_by(fixed)} sets this.", field=fixed)
    after = {**before, **new}
    if after["directory"] and after["registration"]:
        raise Invalid(BOTH, field="directory" if "directory" in new else "registration")


def _keep(name: str, value: str, *, by: Actor, at: int) -> None:
    row = {"value": value, "updated_at": at, "by": by.account_id}
    if not Setting.update(**row).where(Setting.name == name).execute():
        Setting.insert(name=name, **row).execute()


def _in_force(rows: Mapping[str, str]) -> Policies:
    """A value that cannot be read counts as none; of two that may not be together, the one that opens more."""
    values = {}
    for name, value in rows.items():
        if name in POLICIES:      # a newer version knows more
            try:
                values[name] = POLICIES[name].reader(value)
            except ValueError:
                continue
    found = Policies(**{**values, **_fixed})
    if not (found.directory and found.registration):
        return found
    return Policies(**{**vars(found), "directory": False})
