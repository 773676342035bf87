"""A whole store into another engine and back: every pair of the engines that this run has."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.authenticator import ORIGIN, Authenticator
from tests.conftest import BROWSER, PASSWORD, VARIABLES, _new_database
from tests.phone import Phone
from webadmin.accounts import copying, directory, sessions, signin, tokens, users, verification
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.directory import View
from webadmin.accounts.models import Account, Change, Detail, Model
from webadmin.accounts.second_factors import factors, passkeys, steps, totp
from webadmin.accounts.second_factors.ceremonies import RelyingParty
from webadmin.store import bulk, database

ENGINES = ("sqlite", "postgresql", "mariadb")


@pytest.fixture(params=ENGINES)
def target(request: pytest.FixtureRequest, tmp_path: Path, worker: str) -> Iterator[str]:
    """The address of an empty database of this engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/copy.db"
        return
    if VARIABLES[request.param] not in os.environ:
        pytest.skip(f"{VARIABLES[request.param]} is not set")
    yield _new_database(request.param, f"copy_{worker}")


@pytest.fixture
def life(store, ada, bob, carol, person) -> str:
    """A store in which things have happened; returns a key of a session."""
    key = sessions.start(ada, by=BROWSER, user_agent="Firefox on Linux")
    users.delete(carol, by=COMMAND_LINE)
    users.disable(bob, by=COMMAND_LINE)
    users.update(bob, {"display_name": "Zoë \"B\" \\ 🌙"}, by=COMMAND_LINE, reason="a reason")
    tokens.renew_api_token(bob, by=COMMAND_LINE)
    tokens.start(ada, tokens.CHIRPY, by=BROWSER, refresh="refresh me")
    signin.authenticate("ada", PASSWORD, by=BROWSER)
    nonce = totp.new_nonce()
    factors.add_app(bob, nonce, Phone(totp.secret(bob, nonce)).code(), by=BROWSER.as_account(bob))
    by_bob, site = BROWSER.as_account(bob), RelyingParty("localhost", ORIGIN)
    passkeys.add(bob, Authenticator().create(passkeys.begin_adding(bob, site, by=by_bob)), "Phone", site, by=by_bob)
    users.enable(bob, by=COMMAND_LINE)
    steps.begin("bob", PASSWORD, by=BROWSER)
    purged = person("purged")
    users.purge(users.delete(purged, by=COMMAND_LINE), by=COMMAND_LINE)
    return key


def rows() -> dict[str, list[tuple]]:
    return {table._meta.table_name: list(copying._rows(table, database.proxy.obj)) for table in copying._tables()}


def moved(source: str, target: str) -> dict[str, int]:
    return dict(copying.copy(source, target))


@pytest.fixture
def at(store) -> Callable[..., None]:
    """at(url, act) runs in the store of that address."""
    def run(url: str, act: Callable[[], None]) -> None:
        database.forget_connections()
        database.bind(url)
        try:
            with database.connection():
                act()
        finally:
            database.forget_connections()
            database.bind(store.url)
            database.proxy.obj.connect(reuse_if_open=True)
    return run


def test_everything_arrives_and_comes_back(store, life, target, at, tmp_path):
    before, last = rows(), bulk.last_id(Account)
    counts = moved(store.url, target)
    database.proxy.obj.connect(reuse_if_open=True)
    assert rows() == before and counts == {name: len(each) for name,
                                           each in before.items()} and counts["account"] == 3 and counts["detail"] > 5

    def works() -> None:
        assert rows() == before and not verification.verify().trouble and bulk.last_id(Account) == last
        assert sessions.resume(life) and signin.authenticate("ada@example.com", PASSWORD, by=BROWSER)
        assert [row.username for row in directory.page(View(q="zoe")).rows] == ["bob"]
        users.update(Account.get(Account.username == "ada"), {"first_name": "Ada"}, by=COMMAND_LINE)
        assert users.create({"username": "next"}, PASSWORD, by=COMMAND_LINE).id == last + 1 and not verification.verify().trouble
    at(target, works)
    back = f"sqlite:///{tmp_path}/back.db"
    moved(target, back)
    database.bind(store.url)

    def came_back() -> None:
        assert users.named("next") and Account.select().count() == 4 and not verification.verify().trouble and sessions.resume(life)
    at(back, came_back)


def test_a_target_with_accounts_is_refused_and_untouched(store, life, target, at):
    moved(store.url, target)
    with pytest.raises(copying.CopyRefused, match="choose an empty one"):
        moved(store.url, target)
    with pytest.raises(copying.CopyRefused, match="choose an empty one"):
        moved(store.url, store.url)
    database.proxy.obj.connect(reuse_if_open=True)
    assert Account.select().count() == 3


@pytest.mark.parametrize("url", ["oracle://x/y", "postgresql://nobody@127.0.0.1:1/none", "mariadb://nobody@127.0.0.1:1/none",
                                 "sqlite:////proc/none/x.db"])
def test_an_address_that_leads_nowhere_is_told_in_a_sentence(store, life, url):
    with pytest.raises(copying.CopyRefused):
        moved(store.url, url)
    database.proxy.obj.connect(reuse_if_open=True)
    assert Account.select().count() == 3


@pytest.mark.parametrize("url", ["x", "sqlite://", "oracle://host/db", "mariadb://u@h:99999/x", "mariadb://u@one,two/x", "mariadb://u@h/x?a=b"])
def test_an_address_that_is_none_is_told_in_a_sentence(store, url):
    with pytest.raises(copying.CopyRefused, match=r"^The address m(ust|ay) "):
        list(copying.copy(store.url, url))


def test_a_copy_that_came_out_different_is_given_up_as_a_whole(store, life, target, at, monkeypatch):
    real = bulk.insert

    def loses_one(columns, given):
        given = list(given)
        real(columns, given[1:] if columns[0].model is Detail else given)
    monkeypatch.setattr(bulk, "insert", loses_one)
    with pytest.raises(copying.CopyRefused, match="rows of detail came out different"):
        moved(store.url, target)
    database.proxy.obj.connect(reuse_if_open=True)
    at(target, lambda: assert_empty())


def assert_empty() -> None:
    assert not Account.select().exists() and not Change.select().exists()


def test_every_table_is_copied(store):
    assert set(copying._tables()) == set(Model.__subclasses__())
