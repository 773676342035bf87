from __future__ import annotations

import csv
import io
import json
import stat
import threading
import time

import bcrypt
import pytest

from tests.conftest import BROWSER, PASSWORD, again
from webadmin.accounts import changes, directory, exchange, passwords, search, sessions, signin, users, verification
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.changes import Kind
from webadmin.accounts.directory import View
from webadmin.accounts.errors import NotAllowed
from webadmin.accounts.exchange import applying, columns
from webadmin.accounts.models import Account, Change, Detail, Role
from webadmin.store import database

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def bring(text: str | bytes, **options):
    """(made, changed, unchanged, [(line, reason)]) of an import of this text."""
    work = exchange.Import(io.BytesIO(text.encode() if isinstance(text, str) else text), by=options.pop("by", COMMAND_LINE), **options)
    outcomes = list(work)
    return (*(sum(getattr(each, name) for each in outcomes) for name in ("created", "updated", "unchanged")),
            [(line.number, reason) for each in outcomes for line, reason in each.rejected])


def named(name: str) -> Account:
    account = users.named(name)
    assert account is not None
    return account


def sent_out(form: str = "csv", with_hashes: bool = True) -> str:
    return "".join(exchange.written(form, with_hashes=with_hashes, by=COMMAND_LINE))


def everything() -> list[tuple]:
    """All that an export keeps, and what is derived of it."""
    kept = (*columns.EXPORTED, *columns.SECRETS, "username_key", "email_key", "display_key", "search_text", "shelf", "email_sort")
    return list(Account.select(*(getattr(Account, name) for name in kept)).order_by(Account.object_id).tuples())


def found(term: str) -> list[str]:
    return sorted(row.username for row in directory.page(View(q=term)).rows)


def test_accounts_come_in_with_all_that_their_lines_say(store):
    made = bring("username,email,display_name,first_name,last_name,role,active,created_at,password_hash,orgs,is_chirpy_red\n"
                 f"eve,Eve@Example.com,Eve Müller,Eve,Müller,administrator,no,2020-05-01T10:00:00+02:00,{HASH},,yes\nzoe,,,,,,,,,,\n")
    assert made == (2, 0, 0, [])
    eve, zoe = named("eve"), named("zoe")
    assert (eve.email, eve.display_name, eve.first_name, eve.last_name, eve.role) == ("Eve@example.com", "Eve Müller", "Eve", "Müller", 2)
    assert not eve.active and eve.is_chirpy_red and eve.created_at == 1588320000000 and (eve.password_hash, eve.password_scheme) == (HASH,
        "bcrypt-foreign")
    assert zoe.display_name == "zoe" and zoe.active and zoe.role == Role.USER and zoe.password_hash is None and len(zoe.object_id) == 24
    assert found("muller") == ["eve"] and found("zoe") == ["zoe"]


def test_imported_people_sign_in_with_their_old_passwords_and_others_with_none(store):
    bring(f"username,password_hash\neve,{HASH}\nzoe,!django\n")
    assert signin.authenticate("eve", PASSWORD, by=BROWSER) and named("eve").password_scheme == "bcrypt"
    for password in ("", "!django", PASSWORD):
        with pytest.raises(signin.WrongCredentials):
            signin.authenticate("zoe", password, by=BROWSER)


def test_plain_passwords_are_hashed_by_the_rules_and_changed_at_the_first_sign_in(store, bob):
    assert bring(f"username,password\neve,{PASSWORD}\nzoe,short\nbob,another good one\n") == (1, 0, 1, [(3,
        "password: A password has at least 8 "
                                                                                                "characters. A short sentence is best.")])
    eve = named("eve")
    assert eve.password_scheme == "bcrypt" and eve.must_change_password and signin.authenticate("eve", PASSWORD, by=BROWSER)
    assert again(bob).password_hash == bob.password_hash
    bring(f"username,password,must_change_password\nkim,{PASSWORD},no\n")
    assert not named("kim").must_change_password


def test_the_same_file_twice_changes_nothing(store, ada):
    text = f"username,email,first_name,password_hash,role\neve,eve@example.com,Eve,{HASH},admin\nzoe,,Zoë,,\nada,,Ada,,\n"
    assert bring(text) == (2, 1, 0, [])
    signin.authenticate("eve", PASSWORD, by=BROWSER)      # hashes the password anew
    before, entries = everything(), Change.select().count()
    assert bring(text) == (0, 0, 3, []) and everything() == before and Change.select().count() == entries


def test_accounts_that_are_there_get_what_the_line_gives_and_keep_the_rest(ada, bob, by_ada):
    key = sessions.start(bob, by=BROWSER, user_agent="")
    text = f"username,email,display_name,first_name,password_hash,created_at\nBOB,bob@new.example,,Robert,{HASH},2001-01-01\n"
    assert bring(text) == (0, 1, 0, [])
    now = again(bob)
    assert (now.username, now.email, now.display_name, now.first_name, now.version) == ("BOB", "bob@new.example", "Bob Li", "Robert",
        bob.version + 1)
    assert (now.password_hash, now.created_at, now.object_id, now.epoch) == (bob.password_hash, bob.created_at, bob.object_id, bob.epoch)
    assert found("robert") == ["BOB"] and sessions.resume(key)
    assert bring("username,active\nbob,no\n") == (0, 1, 0, []) and sessions.resume(key) is None and again(bob).epoch == bob.epoch + 1


def test_each_batch_is_one_entry_of_the_log_with_the_details_of_each_account(bob, monkeypatch):
    monkeypatch.setattr(exchange, "BATCH", 3)
    before = Change.select().count()
    bring("username,email,first_name\neve,eve@example.com,\nbob,,Robert\nzoe,,\nkim,,\n", name="staff.csv")
    one, two = list(Change.select().order_by(Change.id))[before:]
    assert (one.kind, one.accounts, one.reason, one.door) == ("imported", 3, "staff.csv, lines 2 to 4",
        "command line") and two.accounts == 1
    details = {row.account_id: (json.loads(row.before), json.loads(row.after)) for row in Detail.select().where(Detail.change_id == one.id)}
    assert details[bob.id] == ({"first_name": ""}, {"first_name": "Robert"})
    eve = named("eve")
    assert details[eve.id] == ({}, {"username": "eve", "email": "eve@example.com", "display_name": "eve", "role": 1, "active": True})
    assert changes.KINDS["imported"] is Kind.IMPORTED


def test_the_log_stays_whole(store):
    bring(f"username,first_name,password_hash\neve,Zoë \"the\" \\ \U0001f600,{HASH}\nzoe,,\n")
    assert not verification.verify().trouble


@pytest.mark.parametrize("line, reason", [
    ("b b,,,,,,", "username: A username has letters"), (",,,,,,", "username: A username is needed"), ("eve,nowhere,,,,,",
        "email: This is not an e-mail"),
    ("eve,,,boss,,,", "role: A role is user or administrator"), ("eve,,,,maybe,,", "active: This is yes or no"), ("eve,,,,,yesterday,",
        "created_at: This is not a time"),
    ("eve,,,,,,$1$abc$def", "password_hash: This is no password hash"), ("eve,,,,,,$2b$31$" + "a" * 53, "password_hash: This is no"),
    ("eve,,a\u202eb,,,,", "display_name: This holds a character"), ("eve," + "x" * 250 + "@e.example,,,,,", "email: This is longer"),
    ("eve@example.com,other@example.com,,,,,", "username: A username that is an e-mail"), ("new,bob@example.com,,,,,",
        "email: Another account has this e-mail"),
    ("eve,,,,,1969-01-01,", "created_at: This time is before 1970"), ("eve", "This line has 1 cells, the first has 7"),
    ('eve,"a"b,,,,,', "This cannot be read as CSV"), ("eve,,\udcff,,,,", "This line is not UTF-8"), ("a\0b,,,,,,", "username: This holds"),
    ("gone,,,,,,", "username: This account is deleted"), ("eve,,,,,9999999-01-01,", "created_at: This is not a time")])
def test_a_line_that_breaks_a_rule_is_told_and_the_others_go_in(bob, person, line, reason):
    users.delete(person("gone"), by=COMMAND_LINE)
    text = f"username,email,display_name,role,active,created_at,password_hash\nfirst,,,,,,\n{line}\nlast,,,,,,\n"
    made, changed, unchanged, rejected = bring(text.encode("utf-8", "surrogateescape"))
    assert (made, changed, unchanged) == (2, 0, 0) and [number for number, _ in rejected] == [3] and rejected[0][1].startswith(reason)
    assert named("first") and named("last")


@pytest.mark.parametrize("name, value, reason", [
    ("orgs", "Staff", "orgs: Organisations cannot"), ("object_id", "xyz", "object_id: An object id has"), ("deleted_at", "2020-01-01",
        "deleted_at: An import deletes no"),
    ("password_scheme", "bcrypt", "password_scheme: There is a kind"), ("password_scheme", "rot13", "password_scheme: There is no such"),
    ("expires_at", "x", "expires_at: This is not a time")])
def test_other_columns_are_held_to_their_rules(bob, name, value, reason):
    *_, rejected = bring(f"username,{name}\nbob,{value}\n")
    assert rejected[0][1].startswith(reason)


def test_names_that_two_lines_share_go_to_the_first(store, monkeypatch):
    text = ("username,email,object_id\neve,one@example.com,\nEVE,two@example.com,\nzoe,one@example.com,\nann,,aaaaaaaaaaaaaaaaaaaaaaaa\n"
            "kim,,AAAAAAAAAAAAAAAAAAAAAAAA\n")
    for size in (100, 1):
        monkeypatch.setattr(exchange, "BATCH", size)
        dry = bring(text, dry_run=True)
        wet = bring(text)
        assert [number for number, _ in dry[3]] == [number for number, _ in wet[3]] == [3, 4, 6] and dry[:3] == wet[:3]
        assert bring(text)[:3] == (0, 0, 2)
        for account in list(Account.select()):
            users.purge(users.delete(account, by=COMMAND_LINE), by=COMMAND_LINE)


@pytest.mark.parametrize("line", ["ada,user,", "ada,,no"])
def test_the_last_administrator_stays(ada, bob, line):
    assert bring(f"username,role,active\n{line}\nbob,,no\n") == (0, 1, 0, [(2, "At least one active administrator must remain.")])
    assert again(ada).is_active and again(ada).is_administrator and not again(bob).active


def test_an_administrator_may_go_where_the_file_brings_another(ada):
    assert bring("username,role\nada,user\neve,administrator\n") == (1, 1, 0, [])
    assert not again(ada).is_administrator and bring("username,active\neve,no\n")[3]


def test_only_administrators_import_and_export(bob):
    for act in (lambda: bring("username\neve\n", by=BROWSER.as_account(bob)),
                lambda: exchange.written("csv", with_hashes=True, by=BROWSER.as_account(bob))):
        with pytest.raises(NotAllowed):
            act()


@pytest.mark.parametrize("first, words", [
    ("username,shoe size", "Unknown columns: shoe size. Known are username, email"), ("", "Unknown columns|must name"), ("first_name",
        "username or email"),
    ("username,username", "twice"), ("\xff\xfeu\0s\0", "Unknown columns"), ('{"username": "eve", "shoe": 1}', "Unknown columns: shoe"),
    ("{", "no JSON object"),
    ('"open', "Unknown columns")])
def test_a_file_with_unusable_columns_is_refused_as_a_whole(store, first, words):
    with pytest.raises(exchange.FileRefused, match=words):
        bring(f"{first}\neve,1\n".encode("latin-1"))


@pytest.mark.parametrize("text", ["\ufeffusername,first_name\r\neve,Eve\r\n", "Username ; First_Name\neve;Eve\n",
                                  'first_name,username\n"Eve","eve"', "Username\tFirst_Name\neve\tEve\n",
                                  '{"username": "eve", "first_name": "Eve"}\n',
                                  '\ufeff{"username": "eve", "first_name": "Eve", "orgs": []}\r\n\r\n',
                                  "rejected_line,rejected_because,username,first_name\n7,too short,eve,Eve\n\n"])
def test_files_of_many_programs_are_read(store, text):
    assert bring(text) == (1, 0, 0, []) and named("eve").first_name == "Eve"


def test_a_quote_that_nobody_closes_costs_its_own_line_alone(store):
    good = "".join(f"u{number},Eve\n" for number in range(10_000))      # more than one cell may hold
    made = bring(f'username,first_name\na,"Open\n{good}b,"Hans" M\nc,"Eve"\nd,"Open again\ne,"Eve"\nf,"no end')
    assert made[:3] == (10_002, 0, 0) and [number for number, _ in made[3]] == [2, 10_003, 10_005, 10_007]
    assert all("cannot be read as CSV" in reason for _, reason in made[3])


def test_json_lines_hold_typed_values_and_are_refused_one_by_one(store):
    good: dict[str, object] = {"username": "eve", "email": None, "role": 2, "active": False, "is_chirpy_red": True,
                               "display_name": "'=1+1", "orgs": []}
    lines = [json.dumps(good), '{"username": "a", "shoe": 1}', "[]", "{", '{"username": {"a": 1}}', '{"username": 7}',
             '{"username": "b", "expires_at": 1e400}',
             '{"username": "c", "display_name": "\\ud800"}', '{"username": "d", "orgs": ["Staff"]}', "[" * 100_000,
             '{"username": "e", "role": NaN}', '{"username": "f", "username": "g"}']
    made, *_, rejected = bring("\n".join(lines))
    assert made == 2 and [number for number, _ in rejected] == [2, 3, 4, 5, 7, 8, 9, 10, 11, 12]
    eve = named("eve")
    assert eve.is_administrator and not eve.active and eve.is_chirpy_red and eve.display_name == "'=1+1" and named("7")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_into_an_empty_store_gives_the_same_accounts_back(store, ada, bob, carol, person, form):
    person("+plus", display_name="=HYPERLINK(1)", first_name="'=x", last_name="＝full", email="-dash@example.com", expires_at=4102444800123)
    person("max@example.com", display_name='a,"b" c', first_name="@home", must_change_password=True, is_chirpy_red=True, password="ж" * 60)
    bring(f"username,password_hash\nold,{HASH}\nnone,\n")
    users.disable(bob, by=COMMAND_LINE)
    users.delete(carol, by=COMMAND_LINE)
    signin.authenticate("ada", PASSWORD, by=BROWSER)
    text, before = sent_out(form), everything()
    with database.transaction():
        for account in list(Account.select()):
            Account.delete().where(Account.id == account.id).execute()
            search.remove(account.id, account.search_text)
    assert bring(text) == (len(before), 0, 0, []) and everything() == before
    assert sent_out(form) == text and bring(text) == (0, 0, len(before), [])
    assert signin.authenticate("max@example.com", "ж" * 60, by=BROWSER) and signin.authenticate("old", PASSWORD, by=BROWSER)
    assert Change.get_by_id(named("carol").deleted_by_change).kind == "imported" and users.restore(named("carol"), by=COMMAND_LINE)


def test_an_export_holds_hashes_only_where_they_are_asked_for_and_the_log_says_so(bob):
    assert bob.password_hash not in sent_out(with_hashes=False) and bob.password_hash in sent_out()
    assert bob.password_hash not in sent_out("jsonl", with_hashes=False)
    entries = list(Change.select().where(Change.kind == "exported").order_by(Change.id))
    assert [(entry.accounts, entry.reason) for entry in entries] == [(1, "csv"), (1, "csv, with password hashes"), (1, "jsonl")]


@pytest.mark.parametrize("start", "=+-@＝＋－＠")
def test_no_cell_is_a_formula(person, start):
    person("eve", display_name=f"{start}1+1", first_name=f"'{start}1")
    row = next(csv.DictReader(io.StringIO(sent_out())))
    assert row["display_name"] == f"'{start}1+1" and row["first_name"] == f"''{start}1"


def test_a_batch_is_all_or_nothing_and_a_second_run_completes_it(store, monkeypatch):
    monkeypatch.setattr(exchange, "BATCH", 10)
    text = "username,email\n" + "".join(f"u{n},u{n}@example.com\n" for n in range(35))
    real = changes.record_details
    calls: list[int] = []

    def breaks(*words, **more):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*words, **more)
    monkeypatch.setattr(changes, "record_details", breaks)
    with pytest.raises(KeyboardInterrupt):
        bring(text)
    assert Account.select().count() == 20 == Detail.select().count()
    monkeypatch.setattr(changes, "record_details", real)
    assert bring(text) == (15, 0, 20, []) and Account.select().count() == 35 == Detail.select().count()
    assert found("u34@") == ["u34"] and found("u19") == ["u19"]


def test_a_name_that_somebody_takes_meanwhile_lets_the_batch_begin_again(store, monkeypatch, person):
    real = applying._insert
    once: list[int] = []

    def slow(new, now):
        if not once and store.engine != "sqlite":
            once.append(1)
            thread = threading.Thread(target=lambda: _apart(lambda: person("u3")))
            thread.start()
            thread.join()
        return real(new, now)
    monkeypatch.setattr(applying, "_insert", slow)
    made, _, unchanged, rejected = bring("username\n" + "".join(f"u{n}\n" for n in range(6)))
    assert (made, unchanged + len(rejected)) == ((5, 1) if once else (6, 0)) and Account.select().count() == 6


def _apart(act):
    with database.connection():
        act()


def test_others_write_while_an_import_runs(store, bob, monkeypatch):
    monkeypatch.setattr(exchange, "BATCH", 100)
    text = "username,email\n" + "".join(f"u{n},u{n}@example.com\n" for n in range(3000))
    done = threading.Event()
    waits: list[float] = []

    def write():
        with database.connection():
            while not done.is_set():
                begun = time.monotonic()
                users.update(bob, {"first_name": f"n{len(waits)}"}, by=COMMAND_LINE)
                waits.append(time.monotonic() - begun)
                time.sleep(0.01)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert bring(text) == (3000, 0, 0, [])
    finally:
        done.set()
        thread.join()
    assert len(waits) > 2 and max(waits) < 5 and Account.select().count() == 3001


def test_an_export_is_read_in_pages_and_holds_no_transaction(store, person, monkeypatch):
    monkeypatch.setattr(exchange.writing, "PAGE", 2)
    monkeypatch.setattr(exchange.writing, "PAGES", {secret: exchange.writing._page(secret) for secret in (False, True)})
    bring("username\n" + "".join(f"u{n}\n" for n in range(5)))
    pieces = exchange.written("csv", with_hashes=False, by=COMMAND_LINE)
    first = next(pieces)
    assert not database.proxy.obj.in_transaction()
    person("late")
    assert first.count("\n") == 3 and "late" in "".join(pieces)


def test_private_files_are_their_owners_only_and_whole(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before")
    with pytest.raises(RuntimeError), exchange.private(str(path)) as file:
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "before" and [each.name for each in tmp_path.iterdir()] == ["out.csv"]
    with exchange.private(str(path)) as file:
        file.write("whole")
    assert path.read_text() == "whole" and stat.S_IMODE(path.stat().st_mode) == 0o600 and passwords.cost == 4
