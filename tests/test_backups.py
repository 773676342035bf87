"""A backup is one consistent moment and holds no key; putting it back is refused, or whole."""
from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import BROWSER, PASSWORD, again
from tests.phone import Phone
from webadmin import backups, keeper, start
from webadmin.accounts import keys, policies, sessions, signin, tokens, users, verification
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Change, Job, Login, PendingSignIn, Session
from webadmin.accounts.second_factors import factors, totp
from webadmin.store import database, occupied

SERVER = """
import sys
from pathlib import Path
from webadmin.store import occupied
occupied.share(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def backup(ada, bob, tmp_path) -> Path:
    sessions.start(bob, by=BROWSER, user_agent="")
    tokens.start(bob, tokens.V1, by=BROWSER)
    backups.make(tmp_path / "backup.db")
    return tmp_path / "backup.db"


@pytest.fixture
def restore(store, settings):
    """Put a backup back as the command does, and open the store again."""
    def put_back(file: Path) -> backups.Restored:
        database.proxy.obj.close()
        database.forget_connections()
        try:
            return backups.restore(file)
        finally:
            start.open_store(settings)
            database.proxy.obj.connect()
    yield put_back
    _let_go()


def _let_go() -> None:
    for held in occupied._held.values():
        os.close(held)
    occupied._held.clear()


def test_a_backup_is_for_its_owner_alone_and_holds_no_key(backup, settings):
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    held = backup.read_bytes()
    assert not [name for name in keys.NAMES if (settings.keys / name).read_bytes() in held]
    assert [path.name for path in backup.parent.iterdir() if "part" in path.name or path.name.startswith("backup.db-")] == []
    with sqlite3.connect(backup) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert found.execute("SELECT count(*) FROM account").fetchone() == (2,)


def test_a_backup_never_takes_the_place_of_a_file(backup):
    with pytest.raises(backups.BackupError, match="there already"):
        backups.make(backup)


def test_a_backup_that_cannot_be_written_leaves_nothing(store, tmp_path):
    with pytest.raises(backups.BackupError, match="cannot be written"):
        backups.make(tmp_path / "missing" / "backup.db")


def test_restore_brings_the_accounts_back_and_signs_everybody_out(backup, restore, bob, by_ada, person, settings):
    users.update(bob, {"first_name": "Later"}, by=by_ada)
    carol = person("carol")
    PendingSignIn.insert(digest="x", account_id=bob.id, epoch=1, remember=False, going_to="/", expires_at=database.now() + 60_000).execute()
    kept = restore(backup).old
    assert not PendingSignIn.select().exists()
    assert again(bob).first_name == "" and Account.get_or_none(Account.username == "carol") is None
    assert Session.select().count() == Login.select().count() == 0
    assert Change.select().order_by(Change.id.desc()).get().kind == "restored-backup" and verification.verify().trouble == ""
    with sqlite3.connect(kept) as old:
        assert old.execute("SELECT count(*) FROM account").fetchone() == (3,)
    assert signin.authenticate("bob", PASSWORD, by=BROWSER).id == bob.id
    assert person("dora").id > carol.id, "a number is never given twice"
    names = {path.name for path in settings.data.iterdir()}
    assert not [name for name in names if "restoring" in name]


def test_a_recovery_code_that_was_used_since_stays_used(restore, ada, bob, tmp_path, clock):
    """None of the backup's opens, for it cannot tell them apart; the app still does."""
    nonce = totp.new_nonce()
    phone = Phone(totp.secret(bob, nonce))
    codes = factors.add_app(bob, nonce, phone.code(), by=BROWSER.as_account(bob))
    backups.make(tmp_path / "with codes.db")
    clock(seconds=60)
    with database.transaction():
        assert factors.accept(bob, codes[0], by=BROWSER)
    done = restore(tmp_path / "with codes.db")
    with database.transaction():
        assert not any(factors.accept(again(bob), code, by=BROWSER) for code in codes)
        assert factors.accept(again(bob), phone.code(), by=BROWSER)
    assert done.without_codes == 1 and len(factors.new_codes(again(bob), by=BROWSER.as_account(bob))) == 10


def test_the_command_says_whose_recovery_codes_are_void(restore, app, bob, tmp_path):
    nonce = totp.new_nonce()
    factors.add_app(bob, nonce, Phone(totp.secret(bob, nonce)).code(), by=BROWSER.as_account(bob))
    backups.make(tmp_path / "with codes.db")
    database.proxy.obj.close()
    database.forget_connections()
    told = app.test_cli_runner().invoke(args=["restore", str(tmp_path / "with codes.db")])
    database.proxy.obj.connect()
    assert told.exit_code == 0 and "Accounts whose recovery codes are void: 1" in told.output and "reset-factors" in told.output


def test_a_token_from_after_the_backup_stays_dead(backup, restore, bob):
    later = tokens.start(bob, tokens.V1, by=BROWSER)
    token = tokens.issue(bob, later)
    restore(backup)
    tokens.start(again(bob), tokens.V1, by=BROWSER)
    with pytest.raises(tokens.TokenRefused):
        tokens.read(token, (tokens.V1,))


def test_restore_on_a_new_machine_works_with_the_keys(backup, restore, settings):
    database.proxy.obj.close()
    for path in settings.data.glob("webadmin.db*"):
        path.unlink()
    database.proxy.obj.connect()
    shutil.rmtree(settings.data / "backups", ignore_errors=True)
    restore(backup)
    assert Account.select().count() == 2 and verification.verify().trouble == ""


def test_restore_waits_for_no_server(backup, restore, settings):
    command = [sys.executable, "-c", SERVER, settings.data / "webadmin.db"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout and server.stdout.readline() == "held\n"
        with pytest.raises(backups.BackupError, match="end it first"):
            restore(backup)
        assert server.stdin
        server.stdin.close()
    assert restore(backup).old


def test_only_our_own_whole_backups_are_put_back(backup, restore, tmp_path, settings):
    before = (settings.data / "webadmin.db").stat().st_ino
    wrong = {"empty": b"", "garbage": b"garbage" * 1000, "cut": backup.read_bytes()[:20_000]}
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
    shutil.copy(backup, tmp_path / "newer")
    with sqlite3.connect(tmp_path / "newer") as newer:
        newer.execute("INSERT INTO schema_migration(name, applied) VALUES ('9999_later', '2030-01-01')")
    with sqlite3.connect(tmp_path / "foreign") as foreign:
        foreign.execute("CREATE TABLE song(name)")
    for name in [*wrong, "newer", "foreign", "missing"]:
        with pytest.raises(backups.BackupError):
            restore(tmp_path / name)
    assert (settings.data / "webadmin.db").stat().st_ino == before


def test_scheduled_backups_are_made_and_old_ones_removed(ada, settings, clock):
    policies.change({"backup_hours": "6"}, by=COMMAND_LINE)
    old = settings.data / "backups" / "webadmin-20200101-000000.db"
    old.parent.mkdir()
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert set(keeper.run_due(settings)) == {"expiry", "log head", "backup"}
    assert [stat.S_IMODE(path.stat().st_mode) for path in old.parent.glob("webadmin-*.db")] == [0o600] and not old.exists()
    assert Job.get_by_id("backup").outcome.startswith("webadmin-") and Job.get_by_id("log head").outcome == verification.head()
    assert keeper.run_due(settings) == []
    clock(hours=1, minutes=1)
    assert keeper.run_due(settings) == ["expiry"]


def test_a_database_of_an_older_version_is_kept_before_it_is_changed(settings, store):
    database.proxy.obj.execute_sql("DELETE FROM schema_migration WHERE name LIKE '0003%'")
    database.proxy.obj.execute_sql("DROP TABLE job")
    database.proxy.obj.close()
    start.open_store(settings)
    database.proxy.obj.connect()
    assert len(list((settings.data / "backups").glob("before-update-*.db"))) == 1
    _let_go()
