"""Whoever has the database alone can change nothing in the log that verification does not name."""
from __future__ import annotations

from collections import Counter

import pytest

from tests.conftest import BROWSER, again
from webadmin.accounts import changes, expiry, keys, mass, seals, tallies, users, verification
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Change, Detail, LogHead, RevokedToken, Session, Throttle
from webadmin.store import database


@pytest.fixture
def written(ada, bob, by_ada):
    """A log of nine entries: 1 to 3 made ada, bob and eve, 4 to 7 changed bob, 8 and 9 deleted and purged eve."""
    eve = users.create({"username": "eve"}, "three green boats at dawn", by=COMMAND_LINE)
    for name in ("Rob", "Robert", "Bobby", "B"):
        users.update(bob, {"first_name": name}, by=by_ada, reason="he asked ✓")
    users.purge(users.delete(eve, by=by_ada, reason="left"), by=by_ada)
    assert verification.verify().trouble == ""


def trouble(known: str = "") -> str:
    return verification.verify(known).trouble


def test_a_whole_log_is_whole(written):
    verdict = verification.verify()
    assert (verdict.trouble, verdict.entries, verdict.first) == ("", 9, 1)
    assert verdict.blanked == Counter({9: 2}) and verdict.head == verification.head()


def test_an_empty_log_is_whole(store):
    assert trouble() == "" and verification.verify().entries == 0


FIELDS = {"at": 1, "kind": "deleted", "group": "sign-in", "actor_id": 99, "door": "elsewhere", "source": "10.0.0.1", "request_id": "x",
          "account_id": 99, "accounts": 7, "digest": "0" * 64, "seal": "0" * 64, "reason": "another", "blanked_by": 9}


@pytest.mark.parametrize("field", FIELDS)
def test_an_edited_entry_is_named(written, field):
    Change.update({field: FIELDS[field]}).where(Change.id == 5).execute()
    assert "ntry 5 " in trouble()


@pytest.mark.parametrize("field", ["before", "after"])
def test_edited_details_are_named(written, field):
    Detail.update({field: '{"first_name": "Mallory"}'}).where(Detail.change_id == 6).execute()
    assert trouble() == "The reason or the details of entry 6 were edited."


def test_removed_and_invented_details_are_named(written, bob):
    Detail.delete().where(Detail.change_id == 4).execute()
    assert trouble() == "The reason or the details of entry 4 were edited."
    Detail.insert(change_id=4, account_id=bob.id, before="{}", after="{}").execute()
    assert "entry 4" in trouble()


def test_details_of_no_entry_are_named(written, bob):
    Detail.insert(change_id=99, account_id=bob.id, before="{}", after="{}").execute()
    assert "entry 99" in trouble()


@pytest.mark.parametrize("number", range(1, 10))
def test_a_removed_entry_is_named(written, number):
    Change.delete().where(Change.id == number).execute()
    assert trouble().startswith(f"Entry {number} is missing")


def test_a_removed_entry_whose_gap_was_closed_is_named(written):
    Change.delete().where(Change.id == 4).execute()
    for number in range(5, 10):
        Change.update(id=number - 1).where(Change.id == number).execute()
    assert "Entry 4 " in trouble()


def test_swapped_entries_are_named(written):
    for old, new in ((4, 99), (5, 4), (99, 5)):
        Change.update(id=new).where(Change.id == old).execute()
        Detail.update(change_id=new).where(Detail.change_id == old).execute()
    assert "Entry 4 " in trouble()


def cut_off(last: int) -> None:
    """As somebody would who has the database: entries, details and the record of the end, all set back."""
    kept = Change.get_by_id(last)
    Detail.delete().where(Detail.change_id > last).execute()
    Change.delete().where(Change.id > last).execute()
    LogHead.update(change_id=last, seal=kept.seal).execute()


def test_a_tail_that_was_cut_off_is_known(written):
    cut_off(5)
    assert trouble().startswith("The log does not end with entry 5 as it should")


def test_what_is_written_after_the_cut_tells_it_for_good(written, bob, by_ada):
    cut_off(5)
    users.update(bob, {"first_name": "Robin"}, by=by_ada)
    users.update(bob, {"first_name": "Rob"}, by=by_ada)
    assert "Entry 6 " in trouble()


def test_a_head_written_down_elsewhere_proves_what_was_there(written, bob, by_ada):
    known, whole = verification.head(), LogHead.get()
    assert trouble(known) == ""
    users.update(bob, {"first_name": "Robin"}, by=by_ada)
    assert trouble(known) == ""
    cut_off(8)
    assert trouble(known).startswith("Entry 9 is missing")
    assert "entry 5 is not the one" in trouble(f"5:{'0' * 64}").replace("Entry", "entry")
    for malformed in ("9", "9:abc", ":", f"x:{whole.seal}"):
        with pytest.raises(ValueError):
            verification.verify(malformed)


def test_a_blanked_entry_hides_nothing_else(written, bob):
    """A purge that is real does not excuse details that it did not blank."""
    Detail.update(after='{"username": "mallory"}').where(Detail.change_id == 3).execute()
    assert "entry 3 " in trouble()


@pytest.mark.parametrize("purge", [2, 4, 99])
def test_only_a_real_purge_excuses_blanked_details(written, purge):
    Change.update(blanked_by=purge).where(Change.id == 3).execute()
    assert "ntry 3 " in trouble()


def test_a_purge_does_not_bless_what_was_forged_before_it(written, bob, by_ada):
    Detail.update(after='{"role": 2}').where(Detail.change_id == 7).execute()
    users.purge(users.delete(bob, by=by_ada), by=by_ada)
    assert "entry 7 " in trouble()


def test_a_mass_change_stays_whole_when_one_of_its_accounts_is_purged(ada, bob, carol, by_ada):
    mass.update({"last_name": "Smith"}, by=by_ada)
    users.purge(users.delete(bob, by=by_ada), by=by_ada)
    assert trouble() == ""
    Detail.update(after='{"last_name": "Jones"}').where((Detail.change_id == 4) & (Detail.account_id == carol.id)).execute()
    assert "entry 4 " in trouble()


def test_another_key_opens_nothing(written, monkeypatch):
    monkeypatch.setitem(keys._keys, "log", b"another key")
    assert "Entry 1 " in trouble()


def test_expiry_cuts_whole_entries_from_the_oldest_end(written, bob, by_ada, clock):
    clock(days=40)
    users.update(bob, {"first_name": "Robin"}, by=by_ada)
    assert expiry.remove_old(log_days=30) == {"log entries": 9}
    verdict = verification.verify()
    assert (verdict.first, verdict.last, verdict.trouble) == (10, 11, "")
    assert [row.kind for row in Change.select().order_by(Change.id)] == ["updated", "log-cut"]
    assert Detail.select().where(Detail.change_id < 10).count() == 0
    assert expiry.remove_old(log_days=30) == {} and expiry.remove_old(log_days=0) == {}


def test_nobody_else_can_cut_the_beginning_off(written):
    Detail.delete().where(Detail.change_id <= 4).execute()
    Change.delete().where(Change.id <= 4).execute()
    assert trouble() == "Entry 1 is missing."
    LogHead.update(first_id=5, seal_before_first="0" * 64).execute()
    assert trouble()


def test_expiry_stops_where_the_log_was_tampered_with(written, clock):
    Change.delete().where(Change.id == 4).execute()
    clock(days=40)
    assert expiry.remove_old(log_days=30) == {"log entries": 3} and trouble() == "Entry 4 is missing."


def test_expiry_removes_what_opens_nothing_more(ada, bob, clock):
    from webadmin.accounts import links, registration, sessions, tokens

    sessions.start(bob, by=BROWSER, user_agent="")
    tokens.start(bob, tokens.V1, by=BROWSER)
    links.make_set_up()
    registration.count("192.0.2.1")
    RevokedToken.insert(jti="x", expires_at=database.now()).execute()
    assert expiry.remove_old(log_days=0) == {}
    clock(days=31)
    assert expiry.remove_old(log_days=0) == {"sessions": 1, "logins": 1, "revoked tokens": 1, "links": 1, "throttles": 1}
    assert not Session.select().count() + Throttle.select().count() and again(bob).username == "bob"


def test_the_keyed_marks_differ_for_each_purpose(written):
    entry = Change.get_by_id(1)
    assert len({seals.seal(entry, ""), seals.mark(LogHead.get()), seals.blank_mark(entry, 9, "")}) == 3


def test_a_purge_among_very_many_details_takes_no_new_digest(ada, bob, carol, by_ada, monkeypatch):
    monkeypatch.setattr(seals, "COUNTED_ANEW", 2)
    monkeypatch.setattr(changes, "COUNTED_ANEW", 2)
    mass.update({"last_name": "Smith"}, by=by_ada)
    users.purge(users.delete(bob, by=by_ada), by=by_ada)
    assert trouble() == "" and Account.select().count() == 2


def test_without_the_record_of_its_end_the_log_is_not_whole_and_nothing_is_written(written, bob, by_ada):
    LogHead.delete().execute()
    assert trouble() == "The record of where the log begins and ends was removed." and not tallies.can_be_written()
    with pytest.raises(database.Unavailable, match="log's end"):
        users.update(bob, {"first_name": "Bo"}, by=by_ada)
    assert again(bob).first_name == "B"


def test_what_was_put_in_the_place_of_an_entry_is_told_before_what_a_purge_left_alone(written):
    """Every entry after 5 moved up by one: 8, the purge, is no longer what blanked 3."""
    Change.delete().where(Change.id == 5).execute()
    for number in range(6, 10):
        Change.update(id=number - 1).where(Change.id == number).execute()
    assert trouble().startswith("Entry 5 was edited, or does not follow")


@pytest.mark.parametrize("statement, number", [("UPDATE change SET reason = x'ff' WHERE id = 6", 6), ("UPDATE detail SET after = x'ff' WHERE change_id = 7", 7)])
def test_what_is_no_text_is_named_on_sqlite_which_takes_it(written, engine, statement, number):
    if engine == "sqlite":      # the others refuse to write it
        database.proxy.obj.execute_sql(statement)
        assert trouble() == f"Entry {number} was edited: it holds what is no text."
