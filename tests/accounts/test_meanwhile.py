"""What was proved, or asked for, before everything of an account ended, and is finished only after that: it must not count."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import BROWSER, PASSWORD, again
from webadmin.accounts import hashing, mass, passwords, policies, signin, tokens, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import Invalid, NotAllowed, WrongCredentials
from webadmin.accounts.models import Account, Role
from webadmin.store import database

OWNERS, THIEFS = "the owner's next sentence", "the thief's own sentence"


@contextmanager
def held_up(act: Callable[[], Any]) -> Iterator[list[Any]]:
    """`act` runs on a thread of its own and waits for the hashing threads until the block ends; then the list holds what came of it.

    What the block hashes would wait as well: see change_password_aside.
    """
    gate, came = threading.Event(), []
    lanes = hashing.this_process().lanes.values()
    all_begun = threading.Barrier(len(lanes) + 1)

    def hold() -> None:
        all_begun.wait(20)
        gate.wait(20)
    for lane in lanes:
        lane.submit("", hold)
    all_begun.wait(20)

    def run() -> None:
        with database.connection():
            try:
                came.append(act())
            except Exception as wrong:
                came.append(wrong)
    thread = threading.Thread(target=run)
    thread.start()
    while not any(lane.waiting for lane in lanes) and thread.is_alive():
        time.sleep(0.002)
    yield came
    gate.set()
    thread.join(20)


def change_password_aside(account: Account, password: str) -> None:
    import bcrypt
    with database.transaction():
        users._set_password(account, (bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode(), passwords.PLAIN), by=COMMAND_LINE,
                            must_change=False, keep=users.NOTHING_KEPT)


def test_an_old_password_is_not_remembered_for_a_new_one(bob):
    with held_up(lambda: signin.basic("bob", PASSWORD, by=BROWSER)) as came:
        change_password_aside(bob, OWNERS)
    assert isinstance(came[0], WrongCredentials)
    with pytest.raises(WrongCredentials):
        signin.basic("bob", PASSWORD, by=BROWSER)
    assert signin.basic("bob", OWNERS, by=BROWSER).id == bob.id


def test_an_account_that_is_disabled_meanwhile_is_not_served_once_more(bob):
    with held_up(lambda: signin.basic("bob", PASSWORD, by=BROWSER)) as came:
        users.disable(bob, by=COMMAND_LINE)
    assert isinstance(came[0], WrongCredentials)


@pytest.mark.parametrize("act", [
    lambda bob: users.change_password(bob, THIEFS, by=BROWSER.as_account(bob)),
    lambda bob: users.update_with_password(bob, {"email": "thief@example.com"}, THIEFS, by=BROWSER.as_account(bob)),
    lambda bob: users.set_api_token(bob, tokens.hashed("a token of the thief, long enough"), by=BROWSER.as_account(bob))],
    ids=["password", "password and e-mail", "api token"])
def test_who_was_thrown_out_meanwhile_sets_nothing(bob, act):
    with held_up(lambda: act(bob)) as came:
        change_password_aside(bob, OWNERS)
    assert isinstance(came[0], NotAllowed)
    assert again(bob).email == "bob@example.com" and again(bob).token_digest is None
    assert signin.authenticate("bob", OWNERS, by=BROWSER).id == bob.id


def test_an_administrator_sets_another_password_whatever_happened_meanwhile(bob, by_ada):
    with held_up(lambda: users.change_password(bob, THIEFS, by=by_ada)):
        change_password_aside(bob, OWNERS)
    assert signin.authenticate("bob", THIEFS, by=BROWSER).id == bob.id


@pytest.mark.parametrize("act", [
    lambda bob, by: users.change_password(bob, THIEFS, by=by),
    lambda bob, by: users.update_with_password(bob, {"email": "thief@example.com"}, THIEFS, by=by),
    lambda bob, by: users.create({"username": "thief", "role": Role.ADMINISTRATOR}, THIEFS, by=by),
    lambda bob, by: mass.update({"first_name": "Thief"}, THIEFS, by=by)],
    ids=["password of another", "password and e-mail", "another administrator", "everybody"])
@pytest.mark.parametrize("end", [lambda ada: users.update(ada, {"role": Role.USER}, by=COMMAND_LINE), lambda ada: users.disable(ada, by=COMMAND_LINE)],
                         ids=["demoted", "disabled"])
def test_who_is_no_administrator_any_more_changes_nobody(ada, bob, by_ada, person, act, end):
    person("grace", role=Role.ADMINISTRATOR)
    with held_up(lambda: act(bob, by_ada)) as came:
        end(ada)
    assert isinstance(came[0], NotAllowed)
    assert again(bob).password_hash == bob.password_hash and again(bob).email == "bob@example.com" and users.named("thief") is None
    assert Account.select().where(Account.first_name == "Thief").count() == 0


def test_a_name_for_the_only_account_is_given_to_nobody_where_another_came_meanwhile(ada, by_ada):
    with held_up(lambda: mass.update({"username": "solo"}, OWNERS, by=by_ada)) as came, database.transaction():
        passwords_hash = ada.password_hash
        Account.insert(object_id="0" * 24, username="eve", username_key="eve", display_name="Eve", display_key="eve", created_at=1, updated_at=1).execute()
    assert isinstance(came[0], Invalid) and again(ada).username == "ada" and again(ada).password_hash == passwords_hash


def test_a_restored_account_starts_without_its_old_api_token(bob):
    token = tokens.renew_api_token(bob, by=COMMAND_LINE)
    assert tokens.read_api_token(token).account.id == bob.id
    users.delete(bob, by=COMMAND_LINE)
    users.restore(again(bob), by=COMMAND_LINE)
    with pytest.raises(tokens.TokenRefused):
        tokens.read_api_token(token)


def test_where_the_policy_asks_tokens_of_before_wait_for_the_second_factor(ada):
    token, refresh = tokens.renew_api_token(ada, by=COMMAND_LINE), tokens.opaque()
    tokens.start(again(ada), tokens.CHIRPY, by=BROWSER, refresh=refresh)
    assert tokens.read_api_token(token) and tokens.read_refresh(refresh, tokens.CHIRPY)
    policies.change({"second_factor": "administrators"}, by=COMMAND_LINE)
    with pytest.raises(tokens.TokenRefused):
        tokens.read_api_token(token)
    with pytest.raises(tokens.TokenRefused):
        tokens.read_refresh(refresh, tokens.CHIRPY)
