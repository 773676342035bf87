from __future__ import annotations

import contextlib
import hashlib
import json

import pytest

from tests.conftest import BROWSER, PASSWORD, again, at_once
from webadmin.accounts import activity, changes, models, sessions, signin, users
from webadmin.accounts.actors import COMMAND_LINE, Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import Invalid
from webadmin.accounts.models import Account, Change, Detail, LogHead, Role
from webadmin.store import database


def whole_chain() -> bool:
    """Seals and digests are those of the entries, in order and without a gap, up to the head."""
    before, number = "", 0
    for entry in Change.select().order_by(Change.id):
        number += 1
        details = Detail.select(Detail.account_id, Detail.before, Detail.after).where(Detail.change_id == entry.id).order_by(Detail.account_id)
        digest = hashlib.sha256(entry.reason.encode())
        for row in details.tuples():
            digest.update(json.dumps(row).encode())
        if entry.id != number or changes.seal(entry, before) != entry.seal or not (entry.blanked_by or digest.hexdigest() == entry.digest):
            return False
        before = entry.seal
    head = LogHead.get()
    return (head.change_id, head.seal) == (number, before)


def test_each_entry_is_sealed_with_the_one_before_it(ada, bob, by_ada):
    for name in ("Rob", "Robert", "Bobby"):
        users.update(bob, {"first_name": name}, by=by_ada, reason="he asked ✓")
    assert whole_chain() and Change.select().count() == 5


FIELDS = {"at": 1, "kind": "deleted", "actor_id": 99, "door": "elsewhere", "source": "10.0.0.1", "request_id": "x", "account_id": 99, "accounts": 7,
          "digest": "0" * 64, "seal": "0" * 64, "reason": "another"}


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_an_entry_can_be_edited_unnoticed(ada, bob, by_ada, field):
    users.update(bob, {"first_name": "Rob"}, by=by_ada)
    Change.update({field: FIELDS[field]}).where(Change.id == 2).execute()
    assert not whole_chain()


def test_no_entry_can_be_removed_swapped_or_cut_off_unnoticed(ada, bob, carol):
    saved = [dict(row.__data__) for row in Change.select().order_by(Change.id)]
    for edit in (lambda: Change.delete().where(Change.id == 2).execute(), lambda: Change.delete().where(Change.id == 3).execute(),
                 lambda: (Change.update(id=9).where(Change.id == 1).execute(), Change.update(id=1).where(Change.id == 2).execute(),
                          Change.update(id=2).where(Change.id == 9).execute())):
        edit()
        assert not whole_chain()
        Change.delete().execute()
        Change.insert_many([{**row} for row in saved]).execute()
        assert whole_chain()


def test_details_cannot_be_edited_unnoticed(ada, bob, by_ada):
    users.update(bob, {"first_name": "Rob"}, by=by_ada)
    Detail.update(after="{}").where(Detail.change_id == 3).execute()
    assert not whole_chain()


def test_writers_at_once_make_one_chain_without_gaps(ada, person, by_ada):
    accounts = [person(f"u{number}") for number in range(4)]
    for round_ in range(4):
        results = at_once(*(lambda account=account, round_=round_: users.update(account, {"first_name": f"n{round_}"}, by=by_ada) for account in accounts))
        assert not [each for each in results if isinstance(each, Exception)], results
    assert whole_chain() and Change.select().count() == 5 + 16


def test_a_write_that_fails_leaves_no_entry(ada, bob, monkeypatch):
    entries = Change.select().count()
    with pytest.raises(ZeroDivisionError), database.transaction():
        users.update(bob, {"first_name": "Rob"}, by=COMMAND_LINE)
        raise ZeroDivisionError
    assert Change.select().count() == entries and again(bob).first_name == "" and whole_chain()
    monkeypatch.setattr(changes, "seal", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        users.delete(bob, by=COMMAND_LINE)
    assert again(bob).deleted_at is None


def test_the_log_says_which_fields_were_what_and_are_what(ada, bob, by_ada):
    users.update(bob, {"first_name": "Rob", "role": Role.ADMINISTRATOR, "last_name": ""}, by=by_ada, reason="promoted")
    entry = activity.history(bob, 1)[0]
    assert entry.details == [("first_name", "", "Rob"), ("role", 1, 2)] and entry.change.reason == "promoted" and entry.actor == "ada"
    assert (entry.change.door, entry.change.source, entry.change.request_id, entry.change.actor_id) == ("browser", "127.0.0.1", "test", ada.id)


def test_a_difference_holds_the_changed_fields_only():
    assert changes.difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None}) == ({"b": 2}, {"b": 3})
    assert changes.difference({"a": 1}, {"a": 1}) == ({}, {})


def test_every_write_makes_one_entry(ada, person, by_ada):
    eve = person("eve")
    key = sessions.start(eve, by=BROWSER, user_agent="")
    acts = {"updated": lambda: users.update(eve, {"first_name": "E"}, by=by_ada), "password-asked": lambda: users.ask_for_new_password(eve, by=by_ada),
            "session-ended": lambda: sessions.end(sessions.resume(key)[0].id, eve, by=by_ada),
            "password": lambda: users.change_password(eve, "a quite new password", by=by_ada), "sessions-ended": lambda: users.end_sessions(eve, by=by_ada),
            "signed-in": lambda: signin.authenticate("eve", "a quite new password", by=BROWSER), "disabled": lambda: users.disable(eve, by=by_ada),
            "enabled": lambda: users.enable(eve, by=by_ada), "deleted": lambda: users.delete(eve, by=by_ada), "restored": lambda: users.restore(eve, by=by_ada)}
    for kind, act in acts.items():
        number = LogHead.get().change_id
        act()
        entries = list(Change.select().where(Change.id > number))
        assert [(each.kind, each.account_id) for each in entries] == [(kind, eve.id)], kind
        assert entries[0].actor_id == (eve.id if kind == "signed-in" else ada.id)
    users.purge(users.delete(eve, by=by_ada), by=by_ada)
    assert activity.page(activity.Filter()).entries[0].kind is Kind.PURGED and whole_chain()


def test_doing_what_is_done_already_makes_no_entry(ada, bob, by_ada):
    users.disable(bob, by=by_ada)
    entries = Change.select().count()
    users.disable(bob, by=by_ada)
    users.delete(users.delete(bob, by=by_ada), by=by_ada)
    users.restore(users.restore(bob, by=by_ada), by=by_ada)
    assert Change.select().count() == entries + 2


CANARY = "canary-three-green-boats"


def test_no_password_or_key_gets_into_the_store(ada, person, by_ada, store):
    eve = person("eve", password=CANARY)
    key = sessions.start(eve, by=BROWSER, user_agent="")
    users.change_password(eve, f"{CANARY}-2", by=by_ada)
    users.update_with_password(eve, {"first_name": "E"}, f"{CANARY}-3", by=by_ada, reason="forgot")
    for name, typed in (("eve", f"{CANARY}-3"), ("eve", f"{CANARY}-wrong"), (f"{CANARY}-typed-as-name", "x"), (key, "x")):
        with contextlib.suppress(signin.WrongCredentials):
            signin.authenticate(name, typed, by=BROWSER)
    held = str([row for table in models.Model.__subclasses__() for row in table.select().dicts()])
    assert CANARY not in held and key not in held


def test_a_purge_blanks_what_the_log_holds_and_keeps_the_chain(ada, bob, by_ada):
    users.update(bob, {"first_name": "Wilhelmina"}, by=by_ada, reason="Wilhelmina!")
    users.purge(users.delete(bob, by=by_ada, reason="Wilhelmina left"), by=by_ada)
    assert whole_chain()
    assert "Wilhelmina" not in str([row.__data__ for table in (Change, Detail) for row in table.select()])
    blanked = [entry.id for entry in Change.select().where(Change.blanked_by == LogHead.get().change_id)]
    assert len(blanked) == 3
    assert activity.page(activity.Filter()).entries[0].whom == [(bob.id, f"account {bob.id} (deleted for good)")]


def test_activity_is_filtered_by_group_kind_person_account_and_time(ada, bob, carol, by_ada, clock):
    begun = database.now()
    clock(hours=1)
    users.update(bob, {"first_name": "Rob"}, by=by_ada)
    signin.authenticate("carol", PASSWORD, by=BROWSER)

    def kinds(**wanted):
        return [entry.kind.word for entry in activity.page(activity.Filter(**wanted)).entries]
    assert kinds() == ["signed-in", "updated", "created", "created", "created"]
    assert kinds(group="sign-in") == ["signed-in"] and kinds(kind="updated") == ["updated"] and kinds(person="BOB@example.com") == ["updated", "created"]
    assert kinds(person="ada") == ["updated", "created"] and kinds(account=carol.id) == ["signed-in", "created"] and kinds(person="nobody") == []
    assert kinds(since=begun + 1000) == ["signed-in", "updated"] and kinds(until=begun + 1000) == ["created"] * 3
    assert kinds(since=database.now() + 10**9) == [] and kinds(person="a\0b") == kinds(person="\ud800") == []
    for wrong in ({"group": "x"}, {"kind": "x"}, {"kind": "CREATED"}):
        with pytest.raises(Invalid):
            activity.Filter(**wrong)


def test_activity_pages_meet_every_entry_once_forward_and_back(ada, bob, by_ada):
    for number in range(22):
        users.update(bob, {"first_name": f"n{number}"}, by=by_ada)
    everything = list(range(24, 0, -1))
    page, there = activity.page(activity.Filter(per_page=5)), []
    there += [entry.change.id for entry in page.entries]
    while page.after:
        page = activity.page(activity.Filter(per_page=5, after=page.after))
        there += [entry.change.id for entry in page.entries]
    page = activity.page(activity.Filter(per_page=5, before=0))
    back = [entry.change.id for entry in page.entries]
    while page.before:
        page = activity.page(activity.Filter(per_page=5, before=page.before))
        back = [entry.change.id for entry in page.entries] + back
    assert there == back == everything


def test_a_stranger_has_no_name_in_the_log(store):
    changes.record(Kind.WRONG_PASSWORD, by=Actor(door="browser", source="192.0.2.1"))
    changes.record(Kind.CREATED, by=COMMAND_LINE)
    assert [entry.actor for entry in activity.page(activity.Filter()).entries] == ["The command line", "Someone not signed in"]
    assert Account.select().count() == 0


def test_the_log_is_written_after_every_other_row_of_its_transaction(store, ada, bob, monkeypatch):
    asked, ask = [], database.proxy.obj.execute_sql
    monkeypatch.setattr(database.proxy.obj, "execute_sql", lambda sql, *rest: (asked.append(sql.lower()), ask(sql, *rest))[1])
    users.update_with_password(bob, {"display_name": "Bobby", "role": 2}, "a quiet green harbour", by=COMMAND_LINE)
    first = next(number for number, sql in enumerate(asked) if "log_head" in sql)
    for later in asked[first:]:
        assert not any(f"{verb} {quote}{table}{quote}" in later for verb in ("update", "delete from", "insert into") for quote in "\"`"
                       for table in ("account", "session", "login", "throttle")), later
