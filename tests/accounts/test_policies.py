"""Policies: what they take, who may change them, whose word counts, and when a change is seen."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from peewee import OperationalError

from tests.conftest import BROWSER, at_once, kinds
from webadmin.accounts import policies, registration, sessions, verification
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import Invalid, NotAllowed, RegistrationClosed
from webadmin.accounts.models import Change, Detail, Setting
from webadmin.settings import Given, SettingError
from webadmin.store import database

ROOT = Path(__file__).resolve().parents[2]
WRONG = [("registration", "perhaps"), ("registrations_an_hour", "0"), ("registrations_an_hour", "1000001"), ("directory", "2"), ("mask_hashes", "x"),
         ("idle_minutes", "0"), ("idle_minutes", "1441"), ("session_hours", "0"), ("session_hours", "721"), ("remember_days", "31"), ("remember_days", "0"),
         ("common_passwords", "none"), ("log_days", "-1"), ("log_days", "1.5"), ("backup_hours", "９"), ("backup_days", "0"), ("idle_minutes", "9" * 5000),
         ("idle_minutes", ""), ("common_passwords", "")]
OTHER = """
import sys
from webadmin.accounts import policies
from webadmin.store import database
database.bind(sys.argv[1])
for _ in sys.stdin:
    print(policies.now().session_hours, policies.lately().session_hours, flush=True)
"""


def fix(**given: str) -> None:
    policies.fix({policies.variable(name): Given(text, "the environment") for name, text in given.items()})


@pytest.fixture(autouse=True)
def nothing_is_fixed(store):
    yield
    policies.fix({})


def test_nothing_needs_to_be_chosen(store):
    assert policies.now() == policies.Policies() and policies.now().registration and not policies.now().directory
    assert policies.stored() == {} and policies.version({}) == 0


def test_a_change_is_kept_with_who_and_when_and_is_one_entry_of_the_log(by_ada, ada):
    changed = policies.change({"idle_minutes": "30", "session_hours": "12", "remember_days": "30"}, by=by_ada)
    assert (changed.idle_minutes, changed.session_hours) == (30, 12) and policies.now() == policies.lately() == changed
    assert set(policies.stored()) == {"idle_minutes", "session_hours"}, "what stays as it was is no change"
    row = Setting.get_by_id("idle_minutes")
    assert (row.value, row.by) == ("30", ada.id) and abs(database.now() - row.updated_at) < 10_000
    [entry] = Change.select().where(Change.kind == "settings")
    detail = Detail.get(Detail.change_id == entry.id)
    assert entry.actor_id == ada.id and entry.account_id is None
    assert (json.loads(detail.before), json.loads(detail.after)) == ({"idle_minutes": 60, "session_hours": 24}, {"idle_minutes": 30, "session_hours": 12})
    assert verification.verify().trouble == ""


def test_what_changes_nothing_is_no_entry(by_ada):
    policies.change({"idle_minutes": "60"}, by=by_ada)
    assert Setting.select().count() == Change.select().where(Change.kind == "settings").count() == 0


@pytest.mark.parametrize("name, value", WRONG)
def test_a_value_that_cannot_be_is_refused_with_a_sentence(by_ada, name, value):
    with pytest.raises(Invalid) as wrong:
        policies.change({"mask_hashes": "yes", **{name: value}}, by=by_ada)
    assert wrong.value.field == name and wrong.value.sentence.startswith("It must be") and wrong.value.sentence.endswith(".")
    assert policies.stored() == {}, "all or nothing"


@pytest.mark.parametrize("name, value", [each for each in WRONG if each[1]])
def test_a_start_with_such_a_value_is_refused_with_a_sentence_that_names_the_variable(store, name, value):
    with pytest.raises(SettingError, match=f"^{policies.variable(name)} must be") as wrong:
        fix(**{name: value})
    assert str(wrong.value).endswith(".") and "\n" not in str(wrong.value)


def test_only_administrators_change_policies(bob):
    for by in (BROWSER, BROWSER.as_account(bob)):
        with pytest.raises(NotAllowed):
            policies.change({"registration": "no"}, by=by)
    assert policies.stored() == {}


def test_the_directory_and_open_registration_refuse_each_other_both_ways(by_ada):
    with pytest.raises(Invalid, match="Strangers could then list") as wrong:
        policies.change({"directory": "yes"}, by=by_ada)
    assert wrong.value.field == "directory"
    policies.change({"directory": "yes", "registration": "no"}, by=by_ada)
    with pytest.raises(Invalid) as wrong:
        policies.change({"registration": "yes"}, by=by_ada)
    assert wrong.value.field == "registration" and policies.now().directory


def test_two_who_open_one_each_at_once_never_open_both(by_ada):
    policies.change({"registration": "no"}, by=by_ada)
    results = at_once(lambda: policies.change({"directory": "yes"}, by=by_ada), lambda: policies.change({"registration": "yes"}, by=by_ada))
    assert kinds(results) == ["Invalid", "Policies"]
    assert not (policies.now().directory and policies.now().registration)


def test_file_and_environment_win_over_the_table_and_cannot_be_changed(by_ada):
    policies.change({"session_hours": "12"}, by=by_ada)
    fix(session_hours="6")
    assert policies.now().session_hours == 6 and policies.fixed_by("session_hours") == "the environment" and policies.fixed_by("idle_minutes") == ""
    with pytest.raises(Invalid, match="WEBADMIN_SESSION_HOURS in the environment sets this"):
        policies.change({"session_hours": "24", "idle_minutes": "5"}, by=by_ada)
    fix()
    assert policies.now().session_hours == 12 and policies.now().idle_minutes == 60


def test_registration_that_is_opened_from_outside_closes_the_directory(by_ada):
    policies.change({"directory": "yes", "registration": "no"}, by=by_ada)
    fix(registration="open")
    assert policies.now().registration and not policies.now().directory
    with pytest.raises(SettingError, match="WEBADMIN_REGISTRATION=closed"):
        fix(directory="yes")


def test_a_form_that_is_older_than_the_last_change_is_refused(by_ada, clock):
    seen = policies.version(policies.stored())
    policies.change({"idle_minutes": "30"}, by=by_ada, seen=seen)
    clock(days=-1)      # a clock that was put back makes no version that was seen before
    for value in ("20", "10"):
        policies.change({"idle_minutes": value}, by=by_ada)
    with pytest.raises(policies.ChangedMeanwhile):
        policies.change({"idle_minutes": "5"}, by=by_ada, seen=seen)
    assert len({seen, policies.version(policies.stored())}) == 2 and policies.now().idle_minutes == 10


def test_a_value_that_nobody_can_read_counts_as_none(store):
    for name, value in (("idle_minutes", "soon"), ("unknown", "5"), ("session_hours", "12")):
        Setting.insert(name=name, value=value, updated_at=1, by=None).execute()
    assert policies.now() == policies.Policies(session_hours=12)


def test_another_process_sees_a_change_at_its_next_look(by_ada, store):
    """now() at once, lately() within a second: here the former is asked first, so both are new."""
    with subprocess.Popen([sys.executable, "-c", OTHER, store.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdin and other.stdout

        def look() -> str:
            other.stdin.write("look\n")
            other.stdin.flush()
            return other.stdout.readline().strip()
        assert look() == "24 24"
        policies.change({"session_hours": "6"}, by=by_ada)
        assert look() == "6 6"
        other.stdin.close()


def test_what_is_asked_by_every_page_is_read_once_a_second(by_ada, monkeypatch):
    policies.now()
    Setting.insert(name="session_hours", value="6", updated_at=1, by=None).execute()      # as another machine would
    assert policies.lately().session_hours == 24 and policies.now().session_hours == policies.lately().session_hours == 6
    Setting.update(value="7").execute()
    monkeypatch.setattr(policies, "_known", policies._known._replace(read_at=policies._known.read_at - policies.REMEMBERED_SECONDS))
    assert policies.lately().session_hours == 7


def test_a_reading_that_began_before_a_change_does_not_put_it_back(by_ada, monkeypatch):
    """Another thread read the table just before the change, and is told of it just after."""
    stale = policies.STORED.tuples()
    began = policies.time.monotonic()
    policies.change({"session_hours": "6"}, by=by_ada)
    monkeypatch.setattr(policies.time, "monotonic", lambda: began)
    monkeypatch.setattr(policies.STORED, "tuples", lambda: stale)
    policies.now()
    assert policies.lately().session_hours == 6


def test_while_the_store_is_away_the_last_known_ones_stand_and_nothing_opens_by_default(by_ada, monkeypatch):
    policies.change({"registration": "no"}, by=by_ada)

    def away() -> None:
        raise OperationalError("gone")
    monkeypatch.setattr(policies.STORED, "tuples", away)
    assert not policies.now().registration
    with pytest.raises(RegistrationClosed):
        registration.register({"username": "eve"}, "a password for eve", by=BROWSER)
    policies.fix({})
    with pytest.raises(OperationalError):
        policies.now()


def test_shorter_times_end_sessions_at_once_and_longer_ones_bring_none_back(bob, by_ada, clock):
    key, kept = (sessions.start(bob, by=BROWSER, user_agent="", remember=each) for each in (False, True))
    clock(hours=2)
    policies.change({"idle_minutes": "180"}, by=by_ada)
    assert sessions.resume(key) and sessions.resume(kept)
    policies.change({"session_hours": "1"}, by=by_ada)
    assert sessions.resume(key) is None and sessions.resume(kept)
    clock(days=2)
    policies.change({"session_hours": "720", "remember_days": "1"}, by=by_ada)
    assert sessions.resume(key) is None and sessions.resume(kept) is None


def test_the_command_line_changes_policies_too(store):
    policies.change({"mask_hashes": "yes"}, by=COMMAND_LINE)
    assert Setting.get().by is None and policies.now().mask_hashes
