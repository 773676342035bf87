"""Lost and strange keys: nothing starts over them unnoticed, nothing is touched, and there is a way on."""
from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import BROWSER, PASSWORD, again
from tests.phone import Phone
from webadmin import backups, start
from webadmin.accounts import expiry, keyring, keys, sessions, signin, tokens, verification
from webadmin.accounts.models import Account, Change, KeyMark, Session
from webadmin.accounts.second_factors import factors, recovery, totp
from webadmin.store import database, occupied

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(store, settings, template, ada):
    """A store that was started once, with ada signed in; the folder of keys is the test's own."""
    opened(settings)
    sessions.start(ada, by=BROWSER, user_agent="")
    yield settings
    for held in occupied._held.values():
        os.close(held)
    occupied._held.clear()
    keys.load(template / "keys")


def held(settings) -> tuple[dict[str, str], int, int]:
    """What a refused start may not touch: the key files, the accounts, the log."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in settings.keys.iterdir()}
    with database.connection():
        return files, Account.select().count(), Change.select().count()


def opened(settings, how=start.open_store):
    """As a start does, with the test's own connection put aside."""
    database.proxy.obj.close()
    database.forget_connections()
    try:
        return how(settings)
    finally:
        database.proxy.obj.connect(reuse_if_open=True)


def test_a_start_notes_every_key_once(house):
    marks = {row.name: row.mark for row in KeyMark.select()}
    assert marks == {name: keys.mark(name) for name in keys.NAMES} and len(set(marks.values())) == len(marks)
    opened(house)
    assert KeyMark.select().count() == len(keys.NAMES)
    assert not [mark for mark in marks.values() if any(mark.encode() in path.read_bytes() for path in house.keys.iterdir())]


@pytest.mark.parametrize("name", keys.NAMES)
def test_a_start_without_one_of_the_keys_is_refused_and_touches_nothing(house, name):
    (house.keys / name).unlink()
    before = held(house)
    with pytest.raises(start.StartError, match=rf"\({name}\): put its key files back.*new-keys.*{keyring.LOST[name][:12]}") as wrong:
        opened(house)
    assert held(house) == before and "\n" not in str(wrong.value) and str(wrong.value).endswith(".")


def test_a_start_with_the_keys_of_another_store_is_refused(house, tmp_path):
    shutil.rmtree(house.keys)
    keys.load(house.keys)
    before = held(house)
    with pytest.raises(start.StartError, match="cookies, factors, jwt, log, tokens"):
        opened(house)
    assert held(house) == before


def test_a_start_with_the_keys_put_back_goes_on_as_if_nothing_had_been(house, tmp_path):
    house.keys.rename(tmp_path / "away")
    with pytest.raises(start.StartError):
        opened(house)
    assert not house.keys.exists() or not list(house.keys.iterdir()), "none was made in their place"
    shutil.rmtree(house.keys, ignore_errors=True)
    (tmp_path / "away").rename(house.keys)
    opened(house)
    assert verification.verify().trouble == "" and Session.select().count() == 1


def test_a_key_that_an_update_brings_is_made_silently(house, monkeypatch):
    monkeypatch.setattr(keys, "NAMES", (*keys.NAMES, "later"))
    opened(house)
    assert (house.keys / "later").stat().st_size == 64 and KeyMark.get_by_id("later").mark == keys.mark("later")
    (house.keys / "later").unlink()
    with pytest.raises(start.StartError, match=r"\(later\)"):
        opened(house)


def test_a_store_of_a_version_that_noted_no_keys_is_known_by_the_end_of_its_log(house):
    KeyMark.delete().execute()
    opened(house)
    assert KeyMark.select().count() == len(keys.NAMES)
    KeyMark.delete().execute()
    (house.keys / "tokens").rename(house.keys / "away")
    with pytest.raises(start.StartError, match=r"\(tokens\)"):
        opened(house)
    (house.keys / "away").rename(house.keys / "tokens")
    (house.keys / "log").write_bytes((house.keys / "tokens").read_bytes()[::-1])
    with pytest.raises(start.StartError, match=r"\(log\)"):
        opened(house)


def test_rotating_the_jwt_key_is_no_loss(house):
    (house.keys / "jwt").rename(house.keys / "jwt.2026")
    opened(house)
    assert (house.keys / "jwt").exists() and KeyMark.get_by_id("jwt").mark == keys.mark("jwt")
    (house.keys / "jwt.2026").unlink()
    opened(house)


def test_new_keys_goes_on_without_the_lost_ones_and_says_so_in_the_log(house, ada, bob, clock):
    token = tokens.issue(bob, tokens.start(bob, tokens.V1, by=BROWSER))
    clock(days=40)
    shutil.rmtree(house.keys)
    assert set(opened(house, start.open_with_new_keys)) == set(keys.NAMES)
    entry = Change.select().order_by(Change.id.desc()).get()
    assert entry.kind == "new-keys" and Session.select().count() == 0 and "Entry 1" in verification.verify().trouble
    with pytest.raises(tokens.TokenRefused):
        tokens.read(token, (tokens.V1,))
    opened(house)
    assert signin.authenticate("ada", PASSWORD, by=BROWSER).id == ada.id
    assert "log entries" in expiry.remove_old(log_days=30) and verification.verify().trouble == "", "what was written since can be verified"


def test_recovery_codes_go_with_the_apps_whose_key_was_lost(house, bob):
    for _ in range(2):
        nonce = totp.new_nonce()
        assert len(factors.add_app(again(bob), nonce, Phone(totp.secret(bob, nonce)).code(), by=BROWSER.as_account(bob))) == 10, "codes of its own"
        (house.keys / "factors").unlink()
        assert opened(house, start.open_with_new_keys) == ["factors"]
        assert recovery.left(bob) == 0


def test_new_keys_changes_nothing_where_the_keys_fit(house):
    assert opened(house, start.open_with_new_keys) == []
    assert Session.select().count() == 1 and Change.select().where(Change.kind == "new-keys").count() == 0


def command(settings, *words: str) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
    return subprocess.run([sys.executable, "-m", "flask", "--app", "webadmin", *words], cwd=ROOT, text=True, capture_output=True,
                          env={**others, "WEBADMIN_DATA": str(settings.data), "WEBADMIN_DATABASE_URL": settings.database_url, "WEBADMIN_TESTING": "1",
                               "WEBADMIN_BCRYPT_COST": "4"})


@pytest.mark.parametrize("engine", ["sqlite"])
def test_commands_refuse_lost_keys_too_and_make_none(house, engine):
    shutil.rmtree(house.keys)
    done = command(house, "verify-log")
    assert done.returncode == 1 and "put its key files back" in done.stderr and "Traceback" not in done.stderr
    assert not house.keys.exists() or not list(house.keys.iterdir())
    done = command(house, "new-keys")
    assert done.returncode == 0 and "Gone for good" in done.stdout and "authenticator apps" in done.stdout
    assert command(house, "verify-log").returncode == 1 and "nothing was changed" in command(house, "new-keys").stdout


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_backup_of_other_keys_is_put_back_only_when_asked(house, tmp_path, engine):
    backups.make(tmp_path / "backup.db")
    shutil.rmtree(house.keys)
    keys.read(house.keys)
    place, before = database.sqlite_path(), held_file(database.sqlite_path())
    database.proxy.obj.close()
    database.forget_connections()
    for each in occupied._held.values():
        os.close(each)
    occupied._held.clear()
    with pytest.raises(backups.BackupError, match="--new-keys"):
        backups.restore(tmp_path / "backup.db")
    assert held_file(place) == before and not list(house.keys.glob("*"))
    backups.restore_with_new_keys(tmp_path / "backup.db")
    start.open_store(house)
    database.proxy.obj.connect(reuse_if_open=True)
    assert [entry.kind for entry in Change.select().order_by(Change.id.desc()).limit(2)] == ["restored-backup", "new-keys"]


def held_file(path: Path) -> int:
    return path.stat().st_ino
