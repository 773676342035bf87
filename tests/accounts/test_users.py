from __future__ import annotations

import json

import pytest

from tests.conftest import BROWSER, PASSWORD, again, at_once, kinds
from webadmin.accounts import mass, passwords, sessions, users
from webadmin.accounts.actors import COMMAND_LINE, Actor
from webadmin.accounts.errors import (
    Conflict,
    EmailTaken,
    Invalid,
    LastAdministrator,
    NotAllowed,
    NotFound,
    Taken,
    UsernameTaken,
    WeakPassword,
)
from webadmin.accounts.models import Account, Change, Detail, Role
from webadmin.store import database

STRANGER = Actor(door="browser", source="192.0.2.7")
NEW = "a quite new password"


def test_an_account_can_be_found_by_its_number_its_username_and_its_email(bob):
    assert users.find(bob.id) == users.named(" BOB ") == users.named("Bob@Example.COM") == bob


@pytest.mark.parametrize("number", [0, -1, 1 << 63, 1 << 70, 10**500])
def test_numbers_that_no_account_has_are_not_found(store, number):
    with pytest.raises(NotFound):
        users.find(number)


@pytest.mark.parametrize("name", ["nobody", "", "a\0b", "\ud800", "%", "bob@", "x" * 100_000, "' OR 1=1 --"])
def test_names_that_no_account_has_are_nobody(bob, name):
    assert users.named(name) is None


@pytest.mark.parametrize("given, error", [
    ({"username": "BOB"}, UsernameTaken), ({"username": "new", "email": "BOB@example.com"}, EmailTaken),
    ({"username": "bob@example.com"}, Taken), ({"email": "bob@EXAMPLE.com"}, Taken)])
def test_names_are_one_namespace(bob, person, given, error):
    with pytest.raises(error):
        person(**{"username": "", **given})


def test_a_username_that_is_an_email_address_is_the_accounts_own(person, bob, by_ada):
    eve = person("eve@example.com")
    assert eve.email == "eve@example.com" and users.named("EVE@example.com") == eve
    moved = users.update(eve, {"email": "eva@example.com"}, by=by_ada)
    assert (moved.username, moved.email) == ("eva@example.com", "eva@example.com") and users.named("eve@example.com") is None
    with pytest.raises(Invalid):
        users.update(moved, {"email": ""}, by=by_ada)
    with pytest.raises(Taken):
        users.update(moved, {"email": "bob@example.com"}, by=by_ada)
    with pytest.raises(Invalid):
        users.update(bob, {"username": "bobby@example.com"}, by=by_ada)


def test_an_account_made_by_email_alone_has_it_as_username(person):
    assert person("", email="Eve@example.com").username == "Eve@example.com"


def test_a_display_name_that_was_only_ever_the_username_goes_with_it(ada, by_ada, person):
    made, named = person("eve@example.com"), person("fay@example.com", display_name="Fay Ng")
    assert users.update(made, {"email": "eve.b@example.com"}, by=by_ada).display_name == "eve.b@example.com"
    assert "eve@" not in again(made).search_text + again(made).display_key
    assert users.update(named, {"email": "fay.b@example.com"}, by=by_ada).display_name == "Fay Ng"
    users.update(made, {"email": "eve.c@example.com", "display_name": "eve.b@example.com"}, by=by_ada)
    assert again(made).display_name == "eve.b@example.com", "given, and so kept"


def test_names_of_a_deleted_account_stay_taken_and_are_free_after_a_purge(bob, person, by_ada):
    users.delete(bob, by=by_ada)
    for given in ({"username": "bob"}, {"username": "other", "email": "bob@example.com"}):
        with pytest.raises(Taken):
            person(**given)
    users.purge(bob, by=by_ada)
    assert person("bob", email="bob@example.com").id > bob.id


def test_a_purged_number_is_never_given_again(person, by_ada):
    last = person("last")
    users.purge(users.delete(last, by=by_ada), by=by_ada)
    assert person("next").id > last.id


@pytest.mark.parametrize("given", [{"display_name": "x" * 256}, {"display_name": "a\u202eb"}, {"username": "a b"}, {"email": "nowhere"}, {"shelf": 1},
                                   {"password_hash": "x"}, {"id": 7}, {"active": False}, {"epoch": 1}])
def test_fields_that_are_not_given_by_people_are_refused(ada, person, given):
    with pytest.raises(Invalid):
        person(**{"username": "eve", **given})
    assert users.named("eve") is None


def test_a_weak_password_is_told_before_a_taken_name(person, bob):
    with pytest.raises(WeakPassword):
        person("bob", password="password1")


@pytest.mark.parametrize("role", [0, 3, -1, 99])
def test_a_role_that_there_is_not_is_refused(ada, bob, by_ada, person, role):
    with pytest.raises(Invalid):
        person("eve", role=role)
    with pytest.raises(Invalid):
        users.update(bob, {"role": role}, by=by_ada)


@pytest.mark.parametrize("name", ["ﷺ" * 255, "ß" * 255, "💧" * 255, "ｶﾞ" * 127, "ffi" * 85, "a\u1680b"])
def test_a_display_name_of_any_255_characters_is_kept(person, name):
    assert again(person("eve", display_name=name)).display_name


def test_a_weak_password_makes_no_account(store, person):
    with pytest.raises(WeakPassword):
        person("eve", password="password1")
    assert users.named("eve") is None


def test_an_ordinary_account_changes_only_its_own_fields(ada, bob, carol):
    by_bob = BROWSER.as_account(bob)
    users.update(bob, {"first_name": "Bob", "email": "b@example.com"}, by=by_bob)
    before = again(carol).__data__
    for call in (lambda: users.update(carol, {"first_name": "x"}, by=by_bob), lambda: users.change_password(carol, NEW, by=by_bob),
                 lambda: users.update_with_password(carol, {}, NEW, by=by_bob), lambda: users.end_sessions(carol, by=by_bob),
                 lambda: users.disable(carol, by=by_bob), lambda: users.enable(carol, by=by_bob), lambda: users.delete(carol, by=by_bob),
                 lambda: users.restore(carol, by=by_bob), lambda: users.purge(carol, by=by_bob), lambda: users.ask_for_new_password(carol, by=by_bob),
                 lambda: users.create({"username": "eve"}, PASSWORD, by=by_bob), lambda: users.update(bob, {"role": Role.ADMINISTRATOR}, by=by_bob),
                 lambda: users.update(bob, {"username": "boss"}, by=by_bob), lambda: users.update(bob, {"expires_at": None}, by=by_bob),
                 lambda: users.update_with_password(bob, {"role": 2}, NEW, by=by_bob), lambda: users.update(carol, {"first_name": "x"}, by=STRANGER)):
        with pytest.raises(NotAllowed):
            call()
    assert again(carol).__data__ == before and again(bob).role == Role.USER and users.named("eve") is None


def test_a_stale_version_is_a_conflict_that_shows_what_is_there_now(bob, by_ada):
    users.update(bob, {"first_name": "Robert"}, by=by_ada, version=bob.version)
    with pytest.raises(Conflict) as conflict:
        users.update(bob, {"first_name": "Rob"}, by=by_ada, version=bob.version)
    assert conflict.value.current.first_name == "Robert" and again(bob).first_name == "Robert"


def test_a_save_that_changes_nothing_writes_nothing(bob, by_ada):
    entries = Change.select().count()
    users.update(bob, {"first_name": "", "username": "bob", "role": 1}, by=by_ada)
    assert again(bob).version == bob.version and Change.select().count() == entries


def test_fields_and_password_are_saved_together_or_not_at_all(bob, by_ada):
    with pytest.raises(WeakPassword):
        users.update_with_password(bob, {"first_name": "Rob"}, "short", by=by_ada)
    with pytest.raises(EmailTaken):
        users.update_with_password(bob, {"email": "ada@example.com"}, NEW, by=by_ada)
    assert again(bob).first_name == "" and passwords.matches(PASSWORD, again(bob).password_hash, "bcrypt")
    users.update_with_password(bob, {"first_name": "Rob"}, NEW, by=by_ada)
    assert again(bob).first_name == "Rob" and again(bob).must_change_password and passwords.matches(NEW, again(bob).password_hash, "bcrypt")


@pytest.mark.parametrize("act", [users.disable, users.delete, lambda account, by: users.change_password(account, NEW, by=by),
                                 lambda account, by: users.update(account, {"role": Role.USER}, by=by),
                                 lambda account, by: users.end_sessions(account, by=by), lambda account, by: users.restore(users.delete(account, by=by), by=by),
                                 lambda account, by: users.enable(users.disable(account, by=by), by=by)])
def test_what_weakens_an_account_ends_its_sessions_for_good(ada, person, by_ada, act):
    eve = person("eve", role=Role.ADMINISTRATOR)
    key = sessions.start(eve, by=BROWSER, user_agent="")
    act(eve, by=by_ada)
    assert sessions.resume(key) is None and again(eve).epoch > eve.epoch


def test_every_write_raises_the_version(bob, by_ada):
    seen = [bob.version]
    for act in (lambda: users.update(bob, {"first_name": "x"}, by=by_ada), lambda: users.disable(bob, by=by_ada), lambda: users.enable(bob, by=by_ada),
                lambda: users.delete(bob, by=by_ada), lambda: users.restore(bob, by=by_ada), lambda: users.change_password(bob, NEW, by=by_ada)):
        act()
        seen.append(again(bob).version)
    assert seen == sorted(set(seen))


def test_a_deletion_is_undone_by_a_restore_with_all_else_as_it_was(bob, by_ada):
    users.disable(bob, by=by_ada)
    gone = users.delete(bob, by=by_ada, reason="left")
    assert gone.state == "deleted" and again(bob).deleted_by_change
    back = users.restore(bob, by=by_ada)
    assert back.state == "disabled" and back.deleted_at is None and again(bob).deleted_by_change is None


@pytest.mark.parametrize("act", [users.disable, users.enable, users.ask_for_new_password])
def test_a_deleted_account_is_restored_before_it_is_changed(bob, by_ada, act):
    if act is users.enable:
        users.disable(bob, by=by_ada)
    users.delete(bob, by=by_ada)
    before = again(bob).__data__
    with pytest.raises(Invalid):
        act(bob, by=by_ada)
    assert again(bob).__data__ == before


def test_only_a_deleted_account_can_be_purged(bob, by_ada):
    with pytest.raises(Invalid):
        users.purge(bob, by=by_ada)
    users.purge(users.delete(bob, by=by_ada), by=by_ada)
    with pytest.raises(NotFound):
        users.find(bob.id)
    with pytest.raises(NotFound):
        users.restore(bob, by=by_ada)


def test_a_purge_leaves_nothing_of_the_person_in_the_store(bob, by_ada, store):
    users.update(bob, {"first_name": "Wilhelmina", "email": "wilhelmina@example.com"}, by=by_ada, reason="Wilhelmina asked for it")
    sessions.start(bob, by=BROWSER, user_agent="Wilhelmina-phone")
    users.delete(bob, by=by_ada, reason="Wilhelmina left")
    users.purge(bob, by=by_ada)
    assert not [row for row in Detail.select().where(Detail.account_id == bob.id) if json.loads(row.before) or json.loads(row.after)]
    assert all(change.blanked_by for change in Change.select().where((Change.account_id == bob.id) & (Change.kind != "purged")))
    if store.engine == "sqlite":
        database.proxy.obj.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        files = b"".join(path.read_bytes() for path in database.sqlite_path().parent.glob("webadmin.db*")).lower()
        assert b"wilhelmina" not in files and b"hel\x00" not in files and b"bob@example" not in files and b"bob li" not in files


def test_the_first_administrator_is_made_once(store):
    users.create_first_administrator("ada", "", PASSWORD, by=COMMAND_LINE, token=None)
    with pytest.raises(Exception, match="used"):
        users.create_first_administrator("eve", "", PASSWORD, by=COMMAND_LINE, token=None)
    assert Account.select().count() == 1


LEAVING = {"delete": users.delete, "disable": users.disable, "demote": lambda account, by: users.update(account, {"role": Role.USER}, by=by),  # type: ignore[misc]
           "end": lambda account, by: users.update(account, {"expires_at": database.now() + 1000}, by=by)}  # type: ignore[misc]


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_the_last_administrator_cannot_leave(ada, bob, by_ada, person, leave):
    for other in (person("disabled", role=Role.ADMINISTRATOR), person("deleted", role=Role.ADMINISTRATOR)):
        {"disabled": users.disable, "deleted": users.delete}[other.username](other, by=by_ada)
    person("over", role=Role.ADMINISTRATOR, expires_at=1)
    with pytest.raises(LastAdministrator):
        leave(ada, by=by_ada)
    assert again(ada).version == ada.version and Change.select().where(Change.account_id == ada.id).count() == 1
    person("second", role=Role.ADMINISTRATOR)
    leave(ada, by=by_ada)


def test_deleting_everyone_else_keeps_the_administrator_who_asks(ada, bob, carol, by_ada):
    mass.delete_others(by=by_ada)
    assert [account.state for account in (again(ada), again(bob), again(carol))] == ["active", "deleted", "deleted"]


@pytest.mark.parametrize("leave", ["delete", "demote"])
def test_two_administrators_who_remove_each_other_at_once_leave_one(ada, person, leave):
    eve = person("eve", role=Role.ADMINISTRATOR)
    for _ in range(10):
        results = at_once(lambda: LEAVING[leave](eve, by=BROWSER.as_account(ada)), lambda: LEAVING[leave](ada, by=BROWSER.as_account(eve)))
        assert Account.select().where(Account.shelf == 1).count() == 1, results
        assert kinds(results) == ["Account", "LastAdministrator"], results
        for account in (ada, eve):
            users.restore(account, by=COMMAND_LINE)
            users.update(account, {"role": Role.ADMINISTRATOR}, by=COMMAND_LINE)


def test_a_deletion_and_a_change_at_once_never_bring_the_account_back(bob, by_ada):
    for round_ in range(10):
        results = at_once(lambda: users.delete(bob, by=by_ada), lambda: users.update(bob, {"first_name": f"n{round_}"}, by=by_ada))
        assert not [each for each in results if isinstance(each, Exception) and not isinstance(each, Invalid)], results      # it came too late
        assert again(bob).deleted_at is not None
        users.restore(bob, by=by_ada)


def test_of_two_who_take_a_name_at_once_one_gets_it(ada):
    for number in range(6):
        make = lambda: users.create({"username": f"twin{number}"}, PASSWORD, by=COMMAND_LINE)  # noqa: E731
        results = at_once(make, make)
        assert kinds(results) == ["Account", "UsernameTaken"], results
