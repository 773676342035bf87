"""What happens before the first request."""
from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, _settings
from webadmin import start
from webadmin.accounts import keys, passwords
from webadmin.accounts.models import Account, Role
from webadmin.store import database


@pytest.fixture
def here(tmp_path, template):
    yield _settings(tmp_path / "new" / "data")
    keys.load(template / "keys")


def people() -> list[str]:
    with database.connection():
        return [account.username for account in Account.select().order_by(Account.id)]


def test_a_first_start_makes_folder_keys_database_and_a_link(here):
    link = start.prepare(here)
    assert link and link.startswith("http://127.0.0.1:5000/setup/") and len(link.rpartition("/")[2]) == 43
    assert stat.S_IMODE(here.data.stat().st_mode) == 0o700 and stat.S_IMODE(here.keys.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in here.data.rglob("*") if path.is_file())
    assert people() == []


def test_a_second_start_keeps_everything_is_quick_and_makes_another_link(here):
    first = start.prepare(here)
    key = (here.keys / "cookies").read_bytes()
    begun = time.process_time()
    second = start.prepare(here)
    assert time.process_time() - begun < 1
    assert second and second != first and (here.keys / "cookies").read_bytes() == key


def test_a_preset_administrator_is_made_once_and_then_ignored(here):
    preset = replace(here, admin_username="ada", admin_password=PASSWORD)
    before = set(threading.enumerate())
    assert start.prepare(preset) is None and people() == ["ada"]
    assert set(threading.enumerate()) <= before, "the server forks next"
    with database.connection():
        account = Account.get()
        assert account.role == Role.ADMINISTRATOR and passwords.matches(PASSWORD, account.password_hash, account.password_scheme)
    assert start.prepare(replace(here, admin_username="eve", admin_password="another password 1")) is None
    assert people() == ["ada"] and start.prepare(here) is None


@pytest.mark.parametrize("name, password", [("a b", PASSWORD), ("ada", "tiny"), ("ada", "password1"), ("ada", "ada")])
def test_a_preset_that_breaks_a_rule_is_refused_with_a_sentence(here, name, password):
    with pytest.raises(start.StartError, match=r"make no administrator: .*[.]$") as wrong:
        start.prepare(replace(here, admin_username=name, admin_password=password))
    assert password not in str(wrong.value) or password == "ada"
    assert people() == []


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipe (id INTEGER)")
    connection.close()


def newer(path: Path, template: Path) -> None:
    shutil.copy(template / "webadmin.db", path)
    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(schema_migration)")]
    known = dict(zip(columns, connection.execute("SELECT * FROM schema_migration").fetchone(), strict=True))
    known.update({name: "9999_later" for name, value in known.items() if isinstance(value, str) and "start" in value}, **({"id": 9999} if "id" in known else {}))
    connection.execute(f"INSERT INTO schema_migration ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})", list(known.values()))
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def torn(path: Path, template: Path) -> None:
    whole = (template / "webadmin.db").read_bytes()
    path.write_bytes(whole[:len(whole) // 2] + b"\xff" * 5000)


BROKEN = {"empty": lambda path, _: path.write_bytes(b""), "text": lambda path, _: path.write_text("hello, this is no database at all " * 40),
          "garbage": lambda path, _: path.write_bytes(bytes(range(256)) * 64), "foreign": lambda path, _: foreign(path), "newer": newer, "torn": torn}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_our_database_is_refused_and_left_as_it_is(here, template, make):
    here.data.mkdir(parents=True, mode=0o700)
    path = here.data / "webadmin.db"
    make(path, template)
    before = path.read_bytes()
    with pytest.raises(start.StartError) as wrong:
        start.prepare(here)
    assert path.read_bytes() == before
    assert str(wrong.value).endswith((".", "used.")) and "\n" not in str(wrong.value) and "Traceback" not in str(wrong.value)


def test_loose_keys_are_refused_with_what_to_do(here):
    start.prepare(here)
    (here.keys / "log").chmod(0o644)
    with pytest.raises(start.StartError, match="chmod 600"):
        start.prepare(here)


def test_a_folder_that_cannot_be_made_is_refused_with_a_sentence(here, tmp_path):
    (tmp_path / "file").write_text("x")
    blocked = tmp_path / "file" / "data"
    with pytest.raises(start.StartError):
        start.prepare(replace(here, data=blocked, keys=blocked / "keys", database_url=f"sqlite:///{blocked}/webadmin.db"))


def test_a_server_that_is_not_there_is_named_without_its_password(here):
    with pytest.raises(start.StartError) as wrong:
        start.prepare(replace(here, database_url="postgresql://someone:very-secret@127.0.0.1:1/none"))
    assert "very-secret" not in str(wrong.value) and "127.0.0.1:1/none" in str(wrong.value)


@pytest.mark.parametrize("name", ["a b", "ü", "a%41b", "100%", "a#b", "a?b"])
def test_a_data_folder_may_have_any_name(tmp_path, template, name):
    settings = _settings(tmp_path / name)
    try:
        assert start.prepare(settings)
        assert (tmp_path / name / "webadmin.db").is_file() and [each.name for each in tmp_path.iterdir()] == [name]
        assert start.prepare(settings)
    finally:
        keys.load(template / "keys")
