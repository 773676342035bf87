"""Two servers over one database, behind a proxy that sends every request to the other one: nobody notices, and nothing works only on one."""
from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VARIABLES, _new_database
from tests.drills.console import PASSWORD, ROOT, Client, Console
from tests.drills.proxy import Browser, round_robin
from tests.ports import free_port

OTHER_PASSWORD = "four blue boats at noon"
ALL_DUE = """
from webadmin import create_app, settings
from webadmin.accounts.models import Job
from webadmin.store import database
create_app(settings.load())
with database.connection():
    Job.delete().execute()
"""
RUN_DUE = """
from webadmin import create_app, keeper, settings
from webadmin.store import database
here = settings.load()
create_app(here)
with database.connection():
    print(*keeper.run_due(here), sep=",")
"""


class Two:
    """Two servers and the proxy's port. Requests go through the proxy unless `on` says which server gets them."""

    def __init__(self, folder: Path, keys: Path, url: str):
        self.port = free_port()
        given = {"WEBADMIN_DATABASE_URL": url, "WEBADMIN_URL": f"http://127.0.0.1:{self.port}", "WEBADMIN_PROXIES": "1", "WEBADMIN_WORKERS": "1",
                 "WEBADMIN_ADMIN_USERNAME": "", "WEBADMIN_ADMIN_PASSWORD": ""}
        self.servers = [Console(folder / name, **given) for name in ("one", "two")]
        for each in self.servers:
            shutil.copytree(keys, each.folder / "keys")

    def start(self) -> None:
        at_once(*(each.start for each in self.servers))

    def set_up(self) -> list[int]:
        """Make ada by the set-up link: opened on one server, sent to the other. Returns what both answer to the link afterwards."""
        link = self.servers[0].command("setup-link").stdout.split("Set-up: ")[1].strip()
        path = link.removeprefix(f"http://127.0.0.1:{self.port}")
        Browser(self.port).fill(path, username="ada", email="ada@example.com", password=PASSWORD)
        return [self.ask("GET", path, on=server)[0] for server in (0, 1)]

    def ask(self, method: str, path: str, body: Any = None, *, on: int | None = None, source: str = "127.0.0.1", **headers: str) -> tuple[int, Any]:
        port = self.port if on is None else self.servers[on].port
        with contextlib.closing(Client(port, 30, source)) as client:
            status, text = client.send(method, path, body, **headers)
        with contextlib.suppress(ValueError):
            return status, json.loads(text)
        return status, text

    def everywhere(self, method: str, path: str, body: Any = None, **headers: str) -> list[int]:
        """The status that each server answers with."""
        return [self.ask(method, path, body, on=server, **headers)[0] for server in (0, 1)]

    def make(self, name: str) -> None:
        assert self.ask("POST", f"/api/v2/users/{name}", {"password": PASSWORD}, Authorization=basic("ada"))[0] == 200

    def number_of(self, name: str) -> int:
        return int(Browser(self.port).sign_in("ada").get(f"/users?q={name}").href(name).rpartition("/")[2])


def basic(name: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def bearer(token: str) -> str:
    return f"Bearer {token}"


def at_once(*acts: Callable[[], object]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: Path, worker: str) -> Iterator[Two]:
    """Started together over an empty database."""
    if VARIABLES[request.param] not in os.environ:
        (pytest.fail if os.environ.get("WEBADMIN_TEST_ALL") else pytest.skip)(f"{VARIABLES[request.param]} is not set")
    pair = Two(tmp_path_factory.mktemp("two"), template / "keys", _new_database(request.param, f"two_{worker}"))
    with pair.servers[0].killed_afterwards(), pair.servers[1].killed_afterwards(), round_robin(pair.port, [each.port for each in pair.servers]):
        pair.start()
        assert pair.everywhere("GET", "/login") == [503, 503]
        assert pair.set_up() == [404, 404]
        yield pair


def test_both_started_over_an_empty_database_and_it_was_made_once(two):
    assert two.everywhere("GET", "/login") == [200, 200] and two.everywhere("GET", "/healthz") == [200, 200]
    told = two.servers[1].command("verify-log")
    assert told.returncode == 0, told.stdout + told.stderr
    assert not any("error" in each.log.read_text() for each in two.servers)


def test_requests_alternate(two):
    browser = Browser(two.port)
    assert Counter(browser.get("/login") and browser.served_by for _ in range(6)) == {str(each.port): 3 for each in two.servers}


def test_a_browser_signed_in_on_one_goes_on_at_the_other_and_is_signed_out_of_both(two):
    ada = Browser(two.port).sign_in("ada")
    for _ in range(2):
        assert ada.get("/me").h1
    kept = dict(ada.cookies)
    ada.fill("/logout", at="/me")
    ada.cookies = kept      # a copy of the cookie, as a thief would have it
    for server in (0, 1):
        ada.port = two.servers[server].port
        ada.get("/me", 303)


def test_a_form_opened_on_one_is_taken_by_the_other(two):
    ada = Browser(two.port).sign_in("ada")
    shown = ada.get("/me")
    opened_on = ada.served_by
    ada.send("/me", shown.form("/me"), first_name="Adaeze")
    assert ada.served_by != opened_on
    assert [ada.get("/me").value("first_name") for _ in range(2)] == ["Adaeze", "Adaeze"]


def test_a_pair_of_tokens_is_good_on_both_and_dead_on_both(two):
    """users_v1_jwt.md"""
    two.make("vera")
    _, pair = two.ask("POST", "/api/v1/login", {"login": "vera", "password": PASSWORD})
    fresh = [two.ask("POST", "/api/v1/refresh", Authorization=bearer(pair["refresh_token"]))[1]["access_token"] for _ in range(2)]
    for token in (pair["access_token"], *fresh):
        assert two.everywhere("GET", "/api/v1/users", Authorization=bearer(token)) == [200, 200]
    assert two.ask("DELETE", "/api/v1/logout", on=0, Authorization=bearer(fresh[0]))[0] == 200
    assert two.everywhere("GET", "/api/v1/users", Authorization=bearer(fresh[0])) == [401, 401]
    assert two.everywhere("GET", "/api/v1/users", Authorization=bearer(fresh[1])) == [200, 200]
    assert two.ask("DELETE", "/api/v1/logout2", on=1, Authorization=bearer(pair["refresh_token"]))[0] == 200
    assert two.everywhere("POST", "/api/v1/refresh", Authorization=bearer(pair["refresh_token"])) == [401, 401]
    assert two.everywhere("GET", "/api/v1/users", Authorization=bearer(fresh[1])) == [401, 401]


def test_a_refresh_token_is_revoked_on_both(two):
    """chirpy_users.md"""
    given = {"email": "chirp@example.com", "password": PASSWORD}
    assert two.ask("POST", "/api/users", given, on=0)[0] == 201
    _, opened = two.ask("POST", "/api/login", given, on=1)
    assert two.everywhere("POST", "/api/refresh", Authorization=bearer(opened["refresh_token"])) == [200, 200]
    assert two.ask("POST", "/api/revoke", on=0, Authorization=bearer(opened["refresh_token"]))[0] == 204
    assert two.everywhere("POST", "/api/refresh", Authorization=bearer(opened["refresh_token"])) == [401, 401]


def test_the_cookie_of_a_contract_is_good_on_both_and_dead_on_both(two):
    """user_v1_cookie.md"""
    _, opened = two.ask("POST", "/api/v1/user/login", {"name": "ada", "password": PASSWORD}, on=0)
    cookie = f"jwt={opened['token']}"
    assert two.everywhere("GET", "/api/v1/user/", Cookie=cookie) == [200, 200]
    assert two.ask("GET", "/api/v1/user/logout", on=1, Cookie=cookie)[0] == 200
    assert two.everywhere("GET", "/api/v1/user/", Cookie=cookie) == [401, 401]


def test_an_api_token_made_on_one_opens_the_other_and_its_successor_ends_it_on_both(two):
    first, second = (two.ask("POST", "/api/v2/users/ada/refresh", on=server, Authorization=basic("ada"))[1] for server in (0, 1))
    tokens = [next(value for value in each.values() if isinstance(value, str) and len(value) == 43) for each in (first, second)]
    assert two.everywhere("GET", "/user", Authorization=bearer(tokens[0])) == [401, 401]
    assert two.everywhere("GET", "/user", Authorization=bearer(tokens[1])) == [200, 200]


def test_a_password_that_one_remembers_is_dead_at_once_when_the_other_changes_it(two):
    two.make("rosa")
    for _ in range(2):      # each has proved it, and remembers
        assert two.everywhere("GET", "/api/v2/users/rosa", Authorization=basic("rosa")) == [200, 200]
    assert two.ask("PUT", "/api/v2/users/rosa/update", {"password": OTHER_PASSWORD}, on=0, Authorization=basic("rosa"))[0] == 200
    assert two.ask("GET", "/api/v2/users/rosa", on=1, Authorization=basic("rosa"))[0] == 401
    assert two.ask("GET", "/api/v2/users/rosa", on=0, Authorization=basic("rosa"))[0] == 401
    assert two.everywhere("GET", "/api/v2/users/rosa", Authorization=basic("rosa", OTHER_PASSWORD)) == [200, 200]


def test_failed_sign_ins_are_counted_over_both(two):
    two.make("tom")
    asked = [two.ask("POST", "/api/v1/login", {"login": "tom", "password": "a guess of mine"}, source="127.0.0.9")[0] for _ in range(10)]
    assert asked == [401] * 10
    assert two.everywhere("POST", "/api/v1/login", {"login": "tom", "password": PASSWORD}) == [429, 429]


def test_an_account_disabled_on_one_is_out_of_the_other_at_the_next_request(two):
    two.make("dora")
    dora, token = Browser(two.port).sign_in("dora"), two.ask("POST", "/api/v1/login", {"login": "dora", "password": PASSWORD})[1]["access_token"]
    assert two.ask("GET", "/api/v2/users/dora", on=1, Authorization=basic("dora"))[0] == 200
    number = two.number_of("dora")
    ada = Browser(two.servers[0].port).sign_in("ada")
    ada.send(f"/users/{number}/disable", ada.get(f"/users/{number}").form(f"/users/{number}/disable"))
    dora.port = two.servers[1].port
    dora.get("/me", 303)
    assert two.ask("GET", "/api/v1/users", on=1, Authorization=bearer(token))[0] == 401
    assert two.ask("GET", "/api/v2/users/dora", on=1, Authorization=basic("dora"))[0] == 401


def test_two_who_edit_one_account_on_two_servers_are_told(two):
    two.make("edna")
    address = f"/users/{two.number_of('edna')}/edit"
    one, other = (Browser(each.port).sign_in("ada") for each in two.servers)
    forms = [each.get(address).form(address) for each in (one, other)]
    one.send(address, forms[0], first_name="Edna")
    conflict = other.send(address, forms[1], 409, first_name="Edwina")
    assert "Edna" in conflict.text and "Edwina" in conflict.markup


def test_what_is_made_and_deleted_on_one_is_counted_on_the_other(two):
    """The list's counts are kept in memory, and are still right."""
    token = two.ask("POST", "/api/v1/user/login", {"name": "ada", "password": PASSWORD})[1]["token"]
    browsers = [Browser(each.port).sign_in("ada") for each in two.servers]
    two.make("mass-one")
    assert all(each.get("/users?q=mass-one").says("a", "mass-one") for each in browsers)
    assert two.ask("DELETE", "/user", on=0, Authorization=bearer(token))[0] == 200
    assert not any(each.get("/users").says("a", "mass-one") for each in browsers)
    assert [two.ask("GET", "/user", on=server, Authorization=bearer(token))[1]["data"] for server in (0, 1)] == [[{"uid": 1, "email": "ada@example.com"}]] * 2


def test_work_by_the_clock_is_done_by_one_of_them(two):
    """The servers themselves look too, now and then: so what is due may be done by one of them, and is never done twice."""
    done: list[str] = []

    def run(console: Console, words: str = RUN_DUE) -> None:
        told = subprocess.run([sys.executable, "-c", words], cwd=ROOT, env=console.environment, capture_output=True, text=True, check=True)
        done.extend(word for word in told.stdout.strip().split(",") if word)
    for _ in range(3):
        done.clear()
        run(two.servers[0], ALL_DUE)
        at_once(*(lambda console=each: run(console) for each in two.servers))
        assert len(done) == len(set(done))
        if sorted(done) == ["expiry", "log head"]:
            return
    raise AssertionError(f"none of three times was it done here: {done}")
