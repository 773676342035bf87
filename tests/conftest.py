"""What tests stand on: a store in a folder of its own, the app, three people, a clock, and a browser that checks every page.

A store is a copy of one that was migrated once, so a test costs milliseconds. tests/accounts runs on every engine: the URLs in
WEBADMIN_TEST_POSTGRESQL and WEBADMIN_TEST_MARIADB name a database whose name gets the worker's name added, made anew for each run.
"""
from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.visitor import Visitor
from webadmin import create_app, settings, start
from webadmin.accounts import changes, directory, keys, models, passwords, policies, signin, sources, turned_away, users
from webadmin.accounts.actors import COMMAND_LINE, Actor
from webadmin.accounts.models import Account, Role
from webadmin.store import database, pools

PASSWORD = "three green boats at dawn"
BROWSER = Actor(door="browser", source="127.0.0.1", request_id="test")
PLENTY_BYTES = 2 * 1024 ** 3
VARIABLES = {"postgresql": "WEBADMIN_TEST_POSTGRESQL", "mariadb": "WEBADMIN_TEST_MARIADB"}


def pytest_configure(config: pytest.Config) -> None:
    """Folders of tests lie in memory where there is plenty: most of what a store waits for is its disk. The full drills want a disk."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > PLENTY_BYTES and "WEBADMIN_DRILLS" not in os.environ:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: some tests mostly wait."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the first start leaves it: keys, and a database without accounts."""
    folder = tmp_path_factory.mktemp("template") / "data"
    start.open_store(_settings(folder))
    return folder


@pytest.fixture(scope="session")
def servers(template: Path, worker: str) -> Callable[[str], str]:
    """The database URL of an engine that runs elsewhere: a database of this worker's own, made when it is first asked for."""
    made: dict[str, str] = {}

    def url_of(engine: str) -> str:
        if engine not in made:
            made[engine] = _new_database(engine, worker)
            start.open_store(replace(_settings(template), database_url=made[engine]))
        return made[engine]
    return url_of


@pytest.fixture(scope="session")
def kept_pools() -> Iterator[dict[str, Any]]:
    """By URL, of the engines that run elsewhere: a connection to one costs more than many a test."""
    kept: dict[str, Any] = {}

    def of(url: str) -> Any:
        return pools.of(url) if url.startswith("sqlite") else kept.get(url) or kept.setdefault(url, pools.of(url))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "pools", SimpleNamespace(**{**vars(pools), "of": of}))
        yield kept
        for pool in kept.values():
            pool.close_all()


@pytest.fixture(scope="session")
def worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def settings_(tmp_path: Path, template: Path) -> settings.Settings:
    shutil.copytree(template, tmp_path / "data")
    return _settings(tmp_path / "data")


@pytest.fixture(name="settings")
def settings_of_engine(engine: str, settings_: settings.Settings, request: pytest.FixtureRequest) -> settings.Settings:
    if engine == "sqlite":
        return settings_
    if VARIABLES[engine] not in os.environ:
        (pytest.fail if os.environ.get("WEBADMIN_TEST_ALL") else pytest.skip)(f"{VARIABLES[engine]} is not set")
    return replace(settings_, database_url=request.getfixturevalue("servers")(engine))


@pytest.fixture(scope="session")
def made_app(template: Path) -> Flask:
    """One app for the worker's tests: making one takes longer than most of them. Its keys are the template's, as are every store's."""
    return create_app(_settings(template))


@pytest.fixture
def app(settings: settings.Settings, made_app: Flask) -> Flask:
    """The app over this test's store. Where other settings are needed: create_app(replace(settings, ...))."""
    made_app.config["SETTINGS"] = settings
    made_app.config.pop("IS_SET_UP", None)
    return made_app


@pytest.fixture
def store(settings: settings.Settings, made_app: Flask, kept_pools: dict[str, Any]) -> Iterator[SimpleNamespace]:
    """The store, empty, with an open connection; its `url` and `engine`."""
    keys.read(settings.keys)
    database.bind(settings.database_url)
    passwords.configure(bcrypt_cost=4)
    policies.fix({})
    _forget_what_a_process_remembers()
    with database.connection():
        _empty()
        yield SimpleNamespace(url=settings.database_url, engine=database.engine())
    if settings.database_url not in kept_pools:
        database.forget_connections()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """clock(minutes=16) moves the time of the product on, and back for a negative number."""
    moved = {"ms": 0}
    now = database.now
    monkeypatch.setattr(database, "now", lambda: now() + moved["ms"])

    def move(*, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        moved["ms"] += int((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)
    return move


@pytest.fixture
def person(store: object) -> Callable[..., Account]:
    """person("eve", email=...) makes an account with PASSWORD, as the command line would."""
    def make(username: str, **given: Any) -> Account:
        password = given.pop("password", PASSWORD)
        return users.create({"username": username, **given}, password, by=COMMAND_LINE)
    return make


@pytest.fixture
def ada(person: Callable[..., Account]) -> Account:
    return person("ada", email="ada@example.com", display_name="Ada Okonkwo", role=Role.ADMINISTRATOR)


@pytest.fixture
def bob(person: Callable[..., Account]) -> Account:
    return person("bob", email="bob@example.com", display_name="Bob Li")


@pytest.fixture
def carol(person: Callable[..., Account]) -> Account:
    return person("carol", email="carol@example.com", display_name="Carol Müller")


@pytest.fixture
def by_ada(ada: Account) -> Actor:
    return BROWSER.as_account(ada)


@pytest.fixture
def browser(app: Flask, store: object) -> Visitor:
    return Visitor(app)


@pytest.fixture
def desk(browser: Visitor, ada: Account) -> Visitor:
    """A browser in which ada is signed in."""
    return browser.sign_in("ada")


def again(account: Account) -> Account:
    """The account as it stands in the store."""
    return Account.get_by_id(account.id)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each act returned or raised, each on a thread and a connection of its own."""
    barrier, results = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        with database.connection():
            barrier.wait(10)
            try:
                results.append(act())
            except Exception as wrong:
                results.append(wrong)
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def kinds(results: list[Any]) -> list[str]:
    """The names of their classes, sorted."""
    return sorted(type(each).__name__ for each in results)


def _settings(folder: Path) -> settings.Settings:
    return settings.load({"WEBADMIN_DATA": str(folder), "WEBADMIN_TESTING": "1", "WEBADMIN_BCRYPT_COST": "4"}, folder / "config.py")


def _empty() -> None:
    if database.engine() == "sqlite":
        return      # a fresh copy
    tables = {table._meta.table_name: table for table in models.Model.__subclasses__()}
    quote = database.proxy.obj.quote[0]
    ask = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quote}{name}{quote})" for name in tables)
    with database.transaction():
        for (name,) in database.proxy.obj.execute_sql(ask).fetchall():
            tables[name].delete().execute()
        changes.begin()


def _forget_what_a_process_remembers() -> None:
    directory._tallies.clear()
    turned_away._counted = turned_away._Counted()
    signin._memory.until.clear()
    sources.forget()


def _new_database(engine: str, worker: str) -> str:
    url = f"{os.environ[VARIABLES[engine]]}_{worker}"
    parts, name = urlsplit(url), urlsplit(url).path[1:]
    where: dict[str, Any] = {"host": parts.hostname, "user": parts.username, **({"port": parts.port} if parts.port else {}),
                             **({"password": parts.password} if parts.password else {})}
    if engine == "postgresql":
        import psycopg
        connection: Any = psycopg.connect(**where, dbname="postgres", autocommit=True)
        statements = [f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"',
                      f'ALTER DATABASE "{name}" SET synchronous_commit = off']      # no test here pulls the plug
    else:
        import pymysql
        _read_certificates_once(pymysql.connections.Connection)
        connection = pymysql.connect(**where)
        statements = [f"DROP DATABASE IF EXISTS `{name}`", f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"]
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    connection.close()
    return url


def _read_certificates_once(connection: Any) -> None:
    """PyMySQL reads this machine's certificates for each connection, which takes longer than many a test."""
    made = connection._create_ssl_ctx
    known: dict[str, Any] = {}
    connection._create_ssl_ctx = lambda self, given: made(self, given) if given else known.get("") or known.setdefault("", made(self, given))
