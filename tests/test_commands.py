"""`flask --app webadmin ...`"""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import unwritable
from tests.conftest import BROWSER, PASSWORD
from tests.phone import Phone
from webadmin.accounts import users
from webadmin.accounts.models import Account, Change, Role
from webadmin.accounts.second_factors import factors, totp
from webadmin.store import database

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run(app, settings):
    def command(*words: str):
        with app.app_context():
            return app.test_cli_runner().invoke(args=list(words))
    database.bind(settings.database_url)
    return command


def test_a_set_up_link_is_made_while_there_is_no_administrator(run, store):
    one, two = run("setup-link"), run("setup-link")
    assert one.exit_code == 0 and one.output.startswith("Set-up: http://127.0.0.1:5000/setup/") and one.output != two.output


def test_there_is_no_link_once_there_is_an_administrator(run, ada):
    found = run("setup-link")
    assert found.exit_code == 1 and "There is an administrator already" in found.output and "Set-up:" not in found.output


def test_an_administrator_is_made_from_the_command_line(run, ada):
    found = run("create-admin", "eve", "--email", "eve@example.com", "--password", PASSWORD)
    assert found.exit_code == 0 and found.output == "eve is an administrator now.\n" and PASSWORD not in found.output
    with database.connection():
        assert users.named("eve@example.com").role == Role.ADMINISTRATOR
        assert Change.select().order_by(Change.id.desc()).first().door == "command line"


@pytest.mark.parametrize("name, password, words", [("ada", PASSWORD, "Another account has this username."), ("eve", "short", "at least 8"), ("a b", PASSWORD, "letters")])
def test_a_broken_rule_is_told_in_one_sentence(run, ada, name, password, words):
    found = run("create-admin", name, "--password", password)
    assert found.exit_code == 1 and words in found.output and "Traceback" not in found.output
    with database.connection():
        assert Account.select().count() == 1


@pytest.mark.parametrize("words", [["create-admin", "eve", "--password", PASSWORD], ["setup-link"], ["reset-factors", "ada"], ["new-keys"]])
def test_a_read_only_database_is_told_in_one_sentence(run, ada, settings, words):
    with unwritable.store(settings.data):
        found = run(*words)
    assert found.exit_code in (0, 1) and isinstance(found.exception, SystemExit | None) and "Traceback" not in found.output
    assert found.exit_code == 0 or "read-only" in found.output or "second factor" in found.output or "already" in found.output


def test_a_log_is_verified_in_a_database_that_nobody_can_write(run, ada, settings):
    with unwritable.store(settings.data):
        found = run("verify-log")
    assert found.exit_code == 0 and "all as they were written" in found.output


def test_a_table_that_is_missing_is_told_in_one_sentence(run, ada):
    with database.connection():
        database.proxy.obj.execute_sql("ALTER TABLE log_head RENAME TO elsewhere")
    found = run("create-admin", "eve", "--password", PASSWORD)
    assert found.exit_code == 1 and found.output.startswith("Error: The database") and len(found.output.splitlines()) == 1


@pytest.mark.parametrize("setting, words", [("WEBADMIN_PORT=x", "WEBADMIN_PORT must be a whole number"), ("WEBADMIN_KEYS=loose", "Others can open")])
def test_a_setting_that_cannot_be_used_is_told_in_one_sentence(tmp_path, setting, words):
    name, _, value = setting.partition("=")
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose").chmod(0o755)
    given = {"WEBADMIN_DATA": str(tmp_path / "data"), name: value.replace("loose", str(tmp_path / "loose"))}
    done = subprocess.run([sys.executable, "-m", "flask", "--app", "webadmin", "setup-link"], capture_output=True, text=True, cwd=ROOT,
                          env={**{name: text for name, text in os.environ.items() if not name.startswith("WEBADMIN_")}, **given})
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


def test_second_factors_are_reset_from_the_command_line(run, ada):
    nonce = totp.new_nonce()
    with database.connection():
        factors.add_app(ada, nonce, Phone(totp.secret(ada, nonce)).code(), by=BROWSER.as_account(ada))
    found = run("reset-factors", "ADA@example.com")
    assert found.exit_code == 0 and "ada signs in with the password alone now." in found.output
    with database.connection():
        assert not factors.of(ada).any and Change.select().order_by(Change.id.desc()).first().kind == "factors-reset"
    assert "has no second factor" in run("reset-factors", "ada").output and "no such account" in run("reset-factors", "nobody").output


def test_a_password_is_asked_for_twice_and_never_shown(app, run, ada):
    with app.app_context():
        found = app.test_cli_runner().invoke(args=["create-admin", "eve"], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert found.exit_code == 0 and PASSWORD not in found.output
