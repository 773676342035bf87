"""One account is one account: what one door does, every other sees at once. And a rule holds through every door."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Script, basic, every_engine, named
from tests.conftest import BROWSER, PASSWORD, again
from tests.visitor import Visitor
from webadmin.accounts import keys, tokens, users
from webadmin.accounts.models import Account, Change, Role

FIRST, SECOND, THIRD = "slc89slo", "four brown hens in the yard", "five black cats on the wall"


class Doors:
    """Every door at once, as the administrator ada: what each of them shows, and who can sign in there."""

    def __init__(self, desk: Visitor, script: Script, ada: Account):
        self.desk, self.script, self.ada = desk, script, ada
        self.token = tokens.opaque()
        Account.update(token_digest=keys.digest("api token", self.token)).where(Account.id == ada.id).execute()

    def shown(self) -> dict[str, Any]:
        """What each door shows of the account that is not ada's; None where it shows none."""
        mine, call = self.ada.id, self.script.call
        v1 = call("GET", "/api/v1/users", bearer=self.script.v1("ada")["access_token"], status=200).json["Users"]
        cookie = call("GET", "/api/v1/user", bearer=self.script.cookie("ada"), status=200).json["data"]["data"]
        found = {
            "v2": [name for name in call("GET", "/api/v2/users", as_="ada", status=200).json["users"] if name != "ada"],
            "v1": [(each["user_name"], each["login"]) for each in v1 if each["id_user"] != mine],
            "cookie": [(each["name"], each["email"]) for each in cookie if each["_id"] != self.ada.object_id],
            "mass": [each["email"] for each in call("GET", "/user", bearer=self.token, status=200).json["data"] if each["uid"] != mine],
        }
        assert all(len(each) <= 1 for each in found.values())
        return {door: each[0] if each else None for door, each in found.items()}

    def opened_by(self, name: str, password: str) -> set[str]:
        """The doors that this name and password open."""
        bodies = {"v1": ("/api/v1/login", "login"), "chirpy": ("/api/login", "email"), "cookie": ("/api/v1/user/login", "name")}
        opened = {door for door, (path, field) in bodies.items()
                  if self.script.call("POST", path, body={field: name, "password": password}).status_code == 200}
        opened |= {"v2"} if self.script.call("GET", f"/api/v2/users/{name}", as_=name, password=password).status_code == 200 else set()
        visitor = Visitor(self.script.app, "192.0.2.1")
        visitor.get("/login")
        answer = visitor.client.post("/login", data={"csrf_token": visitor.token(), "name": name, "password": password})
        return opened | ({"browser"} if answer.status_code == 303 else set())


EVERY = {"v1", "chirpy", "cookie", "v2", "browser"}


@pytest.fixture
def doors(desk: Visitor, ada: Account) -> Doors:
    return Doors(desk, Script(desk.app), ada)


@pytest.fixture
def script(desk: Visitor) -> Script:
    return Script(desk.app)


@every_engine
def test_one_account_is_one_account(doors: Doors, desk, ada, engine):
    call = doors.script.call
    made = call(
        "POST", "/api/v1/register", body={"user_name": "Jose", "login": "thecaasantos", "password": FIRST, "user_role": 1}, status=201
    )
    number = made.json["User"]["id_user"]
    assert doors.shown() == {"v2": "thecaasantos", "v1": ("Jose", "thecaasantos"), "cookie": ("Jose", None), "mass": None}
    assert doors.opened_by("thecaasantos", FIRST) == EVERY

    desk.fill(f"/users/{number}/edit", username="jose", display_name="José Santos", email="jose@example.com")
    assert doors.shown() == {
        "v2": "jose",
        "v1": ("José Santos", "jose"),
        "cookie": ("José Santos", "jose@example.com"),
        "mass": "jose@example.com",
    }
    assert doors.opened_by("thecaasantos", FIRST) == set()
    assert doors.opened_by("jose", FIRST) == doors.opened_by("jose@example.com", FIRST) == EVERY
    pair, chirpy, cookie = doors.script.v1("jose", FIRST), doors.script.chirpy("jose", FIRST), doors.script.cookie("jose", FIRST)

    call("PUT", "/api/v2/users/jose/update", as_="jose", password=FIRST, body={"password": SECOND}, status=200)
    assert doors.opened_by("jose", FIRST) == set() and doors.opened_by("jose", SECOND) == EVERY
    call("GET", "/api/v1/users", bearer=pair["access_token"], status=401)
    call("POST", "/api/refresh", bearer=chirpy["refresh_token"], status=401)
    call("GET", "/api/v1/user", cookie=cookie, status=401)

    answer = call("POST", "/api/login", body={"email": "jose@example.com", "password": FIRST}, status=401)      # refused by chirpy
    assert answer.json == {"error": "Incorrect email or password"}
    chirpy = doors.script.chirpy("jose@example.com", SECOND)
    call("PUT", "/api/users", bearer=chirpy["token"], body={"email": "js@example.com"}, status=200)
    assert doors.shown()["mass"] == "js@example.com"
    assert "js@example.com" in desk.get(f"/users/{number}").text

    call("DELETE", "/user", bearer=doors.token, status=200)      # deleted by mass
    assert set(doors.shown().values()) == {None} and doors.opened_by("jose", SECOND) == set()
    call("PUT", "/api/users", bearer=chirpy["token"], body={"email": "x@example.com"}, status=401)
    assert call("POST", "/api/v2/users/jose", as_="ada", body={}, status=403).json == {"user_exists": True}
    call("POST", "/api/v1/register", body={"login": "JOSE", "password": FIRST}, status=409)
    call("POST", "/api/users", body={"email": "js@example.com", "password": FIRST}, status=409)

    desk.post(f"/users/{number}/restore")
    assert doors.shown() == {
        "v2": "jose",
        "v1": ("José Santos", "jose"),
        "cookie": ("José Santos", "js@example.com"),
        "mass": "js@example.com",
    }
    assert doors.opened_by("js@example.com", SECOND) == EVERY
    call("POST", "/api/refresh", bearer=chirpy["refresh_token"], status=401)      # old tokens stay dead

    token = doors.script.cookie("jose", SECOND)
    call("PATCH", "/api/v1/user/updatePassword", cookie=token, body={"current": SECOND, "password": THIRD, "confirm": THIRD}, status=200)
    assert doors.opened_by("jose", SECOND) == set() and doors.opened_by("jose", THIRD) == EVERY
    call("PUT", "/user?fname=All&lname=Same", bearer=doors.token, status=200)
    assert "All" in desk.get(f"/users/{number}").text
    desk.post(f"/users/{number}/disable")
    assert doors.shown()["v2"] == "jose" and doors.opened_by("jose", THIRD) == set()


def test_the_log_says_through_which_door(doors: Doors, ada):
    test_doors = {
        "v1": lambda: doors.script.v1("ada"),
        "chirpy": lambda: doors.script.chirpy("ada"),
        "cookie": lambda: doors.script.cookie("ada"),
        "v2": lambda: doors.script.call("GET", "/api/v2/users", as_="ada", status=200),
    }
    for knock in test_doors.values():
        knock()
    opened = {row.door for row in Change.select().where(Change.kind == "signed-in")}
    assert opened == {"browser", "API v1", "Chirpy API", "cookie API", "API v2"}


# Each way to choose a password: for a new account (bob12345 would be its own name), or for bob.
Chooser = Callable[[Doors, str], int]
PASSWORD_DOORS: dict[str, Chooser] = {
    "v1 register": lambda doors, word: _status(doors, "POST", "/api/v1/register", {"login": "bob2", "password": word}),
    "v2 create": lambda doors, word: _status(doors, "POST", "/api/v2/users/bob2", {"password": word}, as_="ada"),
    "v2 update": lambda doors, word: _status(doors, "PUT", "/api/v2/users/bob/update", {"password": word}, as_="ada"),
    "chirpy create": lambda doors, word: _status(doors, "POST", "/api/users", {"email": "bob@example.org", "password": word}),
    "chirpy update": lambda doors, word: _status(
        doors, "PUT", "/api/users", {"password": word}, bearer=doors.script.chirpy("bob")["token"]
    ),
    "cookie": lambda doors, word: _status(
        doors,
        "PATCH",
        "/api/v1/user/updatePassword",
        {"current": PASSWORD, "password": word, "confirm": word},
        bearer=doors.script.cookie("bob"),
    ),
    "mass sign-up": lambda doors, word: _status(
        doors, "POST", "/auth", {"user": "bob2", "pass": word, "fname": "", "lname": "", "email": "b@example.org"}
    ),
    "mass update": lambda doors, word: _status(doors, "PUT", "/user", {"pass": word}, bearer=doors.token),
    "browser new": lambda doors, word: _page(doors, "/users/new", username="bob2", password=word),
    "browser edit": lambda doors, word: _page(doors, f"/users/{named('bob').id}/edit", password=word),
}


def _status(doors: Doors, method: str, path: str, body: dict[str, Any], **who: Any) -> int:
    return int(doors.script.call(method, path, body=body, **who).status_code)


def _page(doors: Doors, address: str, **fields: str) -> int:
    form = doors.desk.get(address).form(address)
    return int(doors.desk.client.post(address, data={**form, **fields}).status_code)


@pytest.mark.parametrize("door", PASSWORD_DOORS)
def test_password_rules_hold_through_every_door(doors: Doors, bob, door):
    before = list(Account.select(Account.id, Account.password_hash).order_by(Account.id).tuples())
    own = ["bob12345", "BOB-2026!"] if door != "mass update" else ["ada12345"]
    for word in ("short", "", "1234567", "x" * 129, "password", "PASSWORD", "iloveyou", "administrator", *own):
        if word or door != "browser edit":      # a field left empty there keeps the password
            assert PASSWORD_DOORS[door](doors, word) in (400, 422), word
    assert list(Account.select(Account.id, Account.password_hash).order_by(Account.id).tuples()) == before
    assert PASSWORD_DOORS[door](doors, "ünï çödé " * 3) in (200, 201, 303)


def test_the_last_administrator_stays_through_every_door(doors: Doors, desk, ada, bob):
    call, mine = doors.script.call, f"/users/{ada.id}"
    call("DELETE", "/api/v2/users/ada", as_="ada", status=403)
    call("DELETE", "/user", bearer=doors.token, status=200)
    users.restore(again(bob), by=BROWSER.as_account(again(ada)))
    for path in ("disable", "delete"):
        desk.post(f"{mine}/{path}", status=422)
    desk.fill(f"{mine}/edit", status=422, role="1")
    found = again(ada)
    assert (found.role, found.active, found.deleted_at) == (Role.ADMINISTRATOR, True, None)
    desk.fill(f"/users/{bob.id}/edit", role="2")
    call("DELETE", "/api/v2/users/ada", as_="bob", status=200)
    call("DELETE", "/api/v2/users/bob", as_="bob", status=403)


NAME_DOORS: dict[str, Callable[[Doors, str], int]] = {
    "v1": lambda doors, name: _status(doors, "POST", "/api/v1/register", {"login": name, "password": PASSWORD}),
    "v2": lambda doors, name: _status(doors, "POST", f"/api/v2/users/{name}", {"password": PASSWORD}, as_="ada"),
    "mass": lambda doors, name: _status(
        doors, "POST", "/auth", {"user": name, "pass": PASSWORD, "fname": "", "lname": "", "email": "free@example.org"}
    ),
    "browser": lambda doors, name: _page(doors, "/users/new", username=name, password=PASSWORD),
}
EMAIL_DOORS: dict[str, Callable[[Doors, str], int]] = {
    "v1": NAME_DOORS["v1"],
    "v2": NAME_DOORS["v2"],
    "chirpy create": lambda doors, email: _status(doors, "POST", "/api/users", {"email": email, "password": PASSWORD}),
    "chirpy update": lambda doors, email: _status(doors, "PUT", "/api/users", {"email": email}, bearer=doors.script.chirpy("ada")["token"]),
    "mass": lambda doors, email: _status(
        doors, "POST", "/auth", {"user": "free", "pass": PASSWORD, "fname": "", "lname": "", "email": email}
    ),
    "browser": lambda doors, email: _page(doors, "/users/new", username="free", email=email, password=PASSWORD),
}
TAKEN = (403, 409, 422)


@pytest.mark.parametrize("state", ["active", "disabled", "deleted"])
def test_names_taken_are_taken_at_every_door(doors: Doors, bob, by_ada, state):
    {"active": lambda: None, "disabled": lambda: users.disable(bob, by=by_ada), "deleted": lambda: users.delete(bob, by=by_ada)}[state]()
    for door, knock in NAME_DOORS.items():
        for name in ("bob", "BOB", "bob@example.com"):
            if (door, name) != ("mass", "bob@example.com"):      # there a name with @ must be the address that is given
                assert knock(doors, name) in TAKEN, (door, name)
    for door, knock in EMAIL_DOORS.items():
        for email in ("bob@example.com", "Bob@Example.COM"):
            assert knock(doors, email) in TAKEN, (door, email)
    assert Account.select().count() == 2


@pytest.mark.parametrize("name", ["аdmin", "a b", "a\u200bb", "x" * 256, "a/b", "a%b", "a@", "@a", "a@b@c", "ä", "a\tb", "."])
def test_names_that_are_none_are_refused_at_every_door(doors: Doors, name):
    for door, knock in NAME_DOORS.items():
        if not (door == "v2" and name in ("a/b", "a%b", "a\tb", ".")):      # these are no such path
            assert knock(doors, name) in (400, 422), door
    assert Account.select().count() == 1


def test_who_may_not_sign_in_may_not_through_any_door(doors: Doors, person, by_ada):
    users.disable(person("disabled"), by=by_ada)
    users.delete(person("deleted"), by=by_ada)
    person("over", expires_at=1)
    for name in ("disabled", "deleted", "over"):
        assert doors.opened_by(name, PASSWORD) == set()


def test_a_new_password_is_asked_for_in_the_browser_alone(doors: Doors, bob, by_ada):
    users.ask_for_new_password(bob, by=by_ada)
    assert doors.opened_by("bob", PASSWORD) == EVERY
    doors.script.call("GET", "/api/v1/users", bearer=doors.script.v1("bob")["access_token"], status=200)


def test_the_browsers_cookie_opens_no_contract_and_the_contracts_cookie_no_page(doors: Doors, desk, ada):
    key = desk.cookie()
    for method, path in (
        ("GET", "/api/v1/users"),
        ("GET", "/api/v2/users"),
        ("GET", "/user"),
        ("GET", "/api/v1/user"),
        ("PUT", "/api/users"),
    ):
        assert desk.client.open(path, method=method).status_code == 401
        doors.script.call(method, path, bearer=key, status=(401, 422))
        doors.script.call(method, path, cookie=key, status=401)
    stranger = Visitor(desk.app)
    stranger.set_cookie(doors.script.cookie("ada"))
    stranger.client.set_cookie("jwt", doors.script.cookie("ada"))
    assert not stranger.signed_in()
    assert stranger.client.get("/users", headers={"Authorization": basic("ada")}).status_code != 200
