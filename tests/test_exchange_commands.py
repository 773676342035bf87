"""`flask --app webadmin import`, `export`, `copy-to`."""
from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

from tests.conftest import PASSWORD
from webadmin.accounts import users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account
from webadmin.store import database

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def run(app, settings):
    def command(*words: str):
        with app.app_context():
            return app.test_cli_runner().invoke(args=list(words))
    database.bind(settings.database_url)
    return command


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_good_lines_go_in_and_the_others_are_set_aside_with_their_reason(run, ada, tmp_path):
    file, rejected = tmp_path / "people.csv", tmp_path / "people.csv.rejected.csv"
    file.write_text(f"username,email,password_hash,display_name\neve,eve@example.com,{HASH},Eve\nb b,,,=1+1\nzoe,nowhere,,\nshort\n")
    found = run("import", str(file))
    assert found.exit_code == 1 and "1 accounts made, 0 changed, 0 as they were, 3 lines rejected" in found.output
    assert "Line 3: username: A username has letters" in found.stderr and "Line 4: email: This is not an e-mail" in found.stderr
    with open(rejected, newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == ["rejected_line", "rejected_because", "username", "email", "password_hash", "display_name"]
    assert [row[0] for row in rows] == ["3", "4", "5"] and rows[0][2:] == ["b b", "", "",
        "'=1+1"] and rows[2][2:] == ["short"] and mode(rejected) == 0o600
    rejected.write_text(rejected.read_text().replace("b b", "bb").replace("nowhere", "zoe@example.com").replace("\nshort", ",,,\nshort"))
    assert "2 accounts made" in run("import", str(rejected)).output
    with database.connection():
        bb = users.named("bb")
        assert bb and bb.display_name == "=1+1"


def test_what_cannot_be_read_is_set_aside_as_it_came(run, ada, tmp_path):
    files = {"people.csv": 'username,first_name\na,"Hans" M\nb,Eve\n', "people.jsonl": '{"username": "c"}\n{"username": "d",\n'
             '{"username": "e", "first_name": "\\ud83d"}\n{"username": "f"}\n'}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert run("import", str(tmp_path / name)).exit_code == 1
    with open(tmp_path / "people.csv.rejected.csv", newline="") as lines:
        assert [row[2:] for row in csv.reader(lines)] == [["username", "first_name"], ['a,"Hans" M']]
    with open(tmp_path / "people.jsonl.rejected.csv", newline="") as lines:
        rows = list(csv.reader(lines))
    assert rows[1][2:] == ['{"username": "d",'] and rows[2][0] == "3" and "\ufffd" in rows[2]
    with database.connection():
        assert users.named("b") and users.named("c") and users.named("f")


def test_an_export_follows_a_link_and_writes_into_a_pipe(run, ada, tmp_path):
    link, target, pipe = tmp_path / "link.csv", tmp_path / "target.csv", tmp_path / "pipe"
    link.symlink_to(target)
    target.write_text("old")
    assert run("export", str(link)).exit_code == 0 and link.is_symlink() and "ada" in target.read_text()
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as cat:
        assert run("export", str(pipe)).exit_code == 0 and "ada" in cat.communicate(timeout=10)[0]
    assert pipe.is_fifo()


def test_the_same_file_twice_changes_nothing_and_leaves_no_file_beside_it(run, ada, tmp_path):
    file = tmp_path / "people.jsonl"
    file.write_text('{"username": "eve"}\n{"username": "zoe", "role": "administrator"}\n')
    assert "2 accounts made" in (one := run("import", str(file))).output and one.exit_code == 0
    assert "0 accounts made, 0 changed, 2 as they were, 0 lines rejected." in run("import", str(file)).output
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["people.jsonl"]


def test_a_dry_run_tells_and_changes_nothing(run, ada, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(f"username,first_name,password\nada,Augusta,\neve,,{PASSWORD}\nEVE,,\nzoe,,short\n")
    found = run("import", "--dry-run", str(file))
    assert "1 accounts would be made, 1 changed, 0 as they were, 2 lines rejected" in found.output and PASSWORD not in found.output
    with database.connection():
        assert Account.select().count() == 1 and users.find(ada.id).first_name == ""


def test_unknown_columns_are_named_and_nothing_is_imported(run, ada, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("username,shoe size\neve,42\n")
    found = run("import", str(file))
    assert found.exit_code == 1 and "Unknown columns: shoe size. Known are username" in found.output and "Traceback" not in found.output
    with database.connection():
        assert Account.select().count() == 1


def test_plain_passwords_are_announced(run, ada, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(f"username,password\neve,{PASSWORD}\n")
    found = run("import", str(file))
    assert "Plain passwords are hashed first: 1,000 of them take about" in found.stderr and PASSWORD not in found.output


def test_an_export_is_a_private_file_or_goes_to_the_standard_output(run, ada, bob, tmp_path):
    file = tmp_path / "out.csv"
    found = run("export", str(file))
    assert found.exit_code == 0 and "2 accounts in" in found.stderr and mode(file) == 0o600 and ada.password_hash not in file.read_text()
    piped = run("export", "--format", "jsonl", "--with-hashes", "-")
    rows = [json.loads(line) for line in piped.stdout.splitlines()]
    assert [row["username"] for row in rows] == ["ada",
                                                 "bob"] and rows[0]["password_hash"] == ada.password_hash and rows[0]["active"] is True


def test_an_export_into_a_new_store_brings_the_same_people(run, app, settings, ada, bob, tmp_path):
    users.disable(bob, by=COMMAND_LINE)
    file = tmp_path / "out.csv"
    run("export", "--with-hashes", str(file))
    url = f"sqlite:///{tmp_path}/other.db"
    here = {**os.environ, "WEBADMIN_DATA": str(tmp_path / "new"), "WEBADMIN_DATABASE_URL": url, "WEBADMIN_TESTING": "1",
            "WEBADMIN_BCRYPT_COST": "4"}
    for words in (["import", str(file)], ["export", "--with-hashes", str(tmp_path / "again.csv")]):
        subprocess.run([sys.executable, "-m", "flask", "--app", "webadmin", *words], env=here, check=True, cwd=_root(), capture_output=True)
    assert (tmp_path / "again.csv").read_text() == file.read_text()


def test_a_store_is_copied_and_the_next_step_is_told(run, ada, bob, tmp_path):
    url = f"sqlite:///{tmp_path}/copy.db"
    found = run("copy-to", url)
    assert found.exit_code == 0 and "account: 2 rows, equal" in found.output and "Set WEBADMIN_DATABASE_URL" in found.output
    again = run("copy-to", url)
    assert again.exit_code == 1 and "choose an empty one" in again.output and mode(tmp_path / "copy.db") == 0o600


def _root() -> Path:
    return Path(__file__).resolve().parent.parent
