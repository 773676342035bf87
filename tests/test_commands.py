"""`flask --app webadmin ...`"""
from __future__ import annotations

import pytest

from tests.conftest import BROWSER, PASSWORD
from tests.phone import Phone
from webadmin.accounts import users
from webadmin.accounts.models import Account, Change, Role
from webadmin.accounts.second_factors import factors, totp
from webadmin.store import database


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
