"""Whoever has a copy of the database has no credential: each secret-looking value in it is tried at every door (SC1)."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import jwt
import pyotp
import pytest

from tests.api.conftest import Script, claims, header
from tests.api.test_gate import SIGN_INS, sign_in
from tests.api.test_second_factor import add_app
from tests.conftest import BROWSER, PASSWORD
from tests.visitor import Visitor
from webadmin.accounts import keys, links, sessions, throttle, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import AccountError, TooManyAttempts
from webadmin.accounts.models import Account, Model, Role, Throttle
from webadmin.accounts.second_factors import factors, steps
from webadmin.store import database

LONG = "a password that is longer than the seventy-two bytes that bcrypt takes, by a few words"
SECRET_LOOKING = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|[\w+/=-]{10,}")
WORDS_AND_TIMES = re.compile(r"[a-z_-]+|[0-9]+")
HEX = re.compile(r"([0-9a-f]{2})+")
BEARERS = {"v1": ("GET", "/api/v1/users"), "v1 refresh": ("POST", "/api/v1/refresh"), "v1 logout": ("DELETE", "/api/v1/logout2"),
           "chirpy": ("PUT", "/api/users"), "chirpy refresh": ("POST", "/api/refresh"), "chirpy revoke": ("POST", "/api/revoke"),
           "cookie": ("GET", "/api/v1/user/"), "v2": ("GET", "/api/v2/users"), "mass": ("GET", "/user")}


@pytest.fixture
def given(script: Script, app: Any, person: Callable[..., Account], ada: Account, bob: Account, clock: Any) -> dict[str, Any]:
    """A store in which every kind of secret has left its row; and the real ones."""
    person("long", password=LONG, role=Role.ADMINISTRATOR)
    real: dict[str, Any] = {"v1": script.v1("ada"), "chirpy": script.chirpy("ada"), "cookie": script.cookie("ada"), "link": links.make_set_up(),
                            "api token": script.call("POST", "/api/v2/users/ada/refresh", as_="ada", body={}, status=200).json["token"],
                            "revoked": script.v1("ada")["access_token"]}
    script.call("DELETE", "/api/v1/logout", bearer=real["revoked"], status=200)
    real["phone"] = add_app(bob)
    clock(seconds=60)
    real["session"] = sessions.start(users.find(ada.id), by=BROWSER, user_agent="")
    real["pending"] = steps.begin("bob", PASSWORD, by=BROWSER).token
    real["device"] = throttle.know_device(bob)
    sign_in(script, "v1", "nobody", "wrong")
    return real


def stolen() -> list[str]:
    """Whatever in the dumped store could be a hash, a digest, a token or a key; halves of what is put together, too."""
    dump = [str(value) for table in Model.__subclasses__() for row in table.select().tuples() for value in row]
    whole = {each for text in dump for each in SECRET_LOOKING.findall(text)}
    whole = {each for each in whole if not WORDS_AND_TIMES.fullmatch(each)}
    return sorted(whole | {each[29:] for each in whole if each.startswith("$2")})


class Thief:
    """Each door takes a value, and says whether it opened."""

    def __init__(self, script: Script, app: Any, given: dict[str, Any], bob: Account):
        self.script, self.given, self.bob = script, given, bob
        self.browser = Visitor(app)
        self.browser.get("/login")

    def doors(self) -> dict[str, Callable[[str], bool]]:
        tried = [("long", door) for door in (*SIGN_INS, "the console")] + [("ada", "v1"), ("bob", "v1"), ("bob", "the console")]
        passwords = {f"password of {name} at {door}": self.password(door, name) for name, door in tried}
        bearers = {f"Bearer at {door}": self.bearer(*where) for door, where in BEARERS.items()}
        cookies = {f"cookie {name}": self.cookie(name) for name in ("webadmin_session", "webadmin_form")}
        return {**passwords, **bearers, **cookies, "cookie jwt": self.jwt_cookie, "token in an address": self.in_an_address, "signing key": self.signing_key,
                "second factor": self.code, "key of the app": self.key_of_the_app, "set-up link": self.link, "sign-in that waits": self.pending,
                "known device": self.device}

    def password(self, door: str, name: str) -> Callable[[str], bool]:
        def opens(value: str) -> bool:
            Throttle.delete().execute()
            if door != "the console":
                return bool(sign_in(self.script, door, name, value).status_code == 200)
            answer = self.browser.client.post("/login", data={**self.browser.page.form("/login"), "name": name, "password": value})
            assert answer.status_code in (303, 403), "the form was judged"
            if answer.status_code == 303:      # another browser for the next
                self.browser = Visitor(self.browser.app)
                self.browser.get("/login")
            return bool(answer.status_code == 303)
        return opens

    def bearer(self, method: str, path: str) -> Callable[[str], bool]:
        return lambda value: self.script.call(method, path, bearer=value, body={"password": LONG}).status_code not in (401, 422)

    def cookie(self, name: str) -> Callable[[str], bool]:
        def opens(value: str) -> bool:
            browser = Visitor(self.browser.app)
            browser.set_cookie(value, name)
            return browser.signed_in()
        return opens

    def jwt_cookie(self, value: str) -> bool:
        return bool(self.script.call("GET", "/api/v1/user/", cookie=value).status_code == 200)

    def in_an_address(self, value: str) -> bool:
        return bool(self.script.call("GET", f"/user?token={quote(value, safe='')}").status_code == 200)

    def signing_key(self, value: str) -> bool:
        """As text and, where it is hex, as what that stands for. HMAC fills a short key with zeros, so that is no other key."""
        real = self.given["v1"]["access_token"]
        forged = [jwt.encode(claims(real), key.ljust(64, b"\0"), algorithm="HS512", headers={"kid": header(real)["kid"]})
                  for key in (value.encode(), bytes.fromhex(value) if HEX.fullmatch(value) else b"")]
        return any(self.script.call("GET", "/api/v1/users", bearer=each).status_code == 200 for each in forged)

    def code(self, value: str) -> bool:
        with database.transaction():
            return factors.accept(self.bob, value, by=COMMAND_LINE)

    def key_of_the_app(self, value: str) -> bool:
        return bool(re.fullmatch("[A-Z2-7]{32}", value)) and pyotp.TOTP(value).at(0) == self.given["phone"].app.at(0)

    def link(self, value: str) -> bool:
        return _finds(lambda: links.look(links.SET_UP, value))

    def pending(self, value: str) -> bool:
        return _finds(lambda: steps.look(value))

    def device(self, value: str) -> bool:
        """Passes where the account itself must wait."""
        Throttle.delete().execute()
        now = database.now()
        Throttle.insert(name=keys.digest("account", str(self.bob.id)), failures=20, in_a_row=20, first_at=now, until=now + 60_000, updated_at=now).execute()
        try:
            throttle.take(self.bob, "bob", "192.0.2.9", value)
        except TooManyAttempts:
            return False
        return True


def _finds(look: Callable[[], Any]) -> bool:
    try:
        return bool(look())
    except AccountError:
        return False


@pytest.fixture
def thief(script: Script, app: Any, given: dict[str, Any], bob: Account) -> Thief:
    return Thief(script, app, given, bob)


def test_no_value_of_the_store_opens_anything(thief: Thief) -> None:
    values, doors = stolen(), thief.doors()
    assert len(values) > 40 and sum(value.startswith("$2b$") for value in values) == 4, "hashes of three passwords and a token, digests, seals"
    assert [(door, value) for value in values for door, opens in doors.items() if opens(value)] == []


def test_the_same_doors_open_to_what_is_real(thief: Thief, given: dict[str, Any]) -> None:
    """Or the refusals above would say nothing."""
    v1, chirpy = given["v1"], given["chirpy"]
    real = {"password of long": LONG, "password of ada": PASSWORD, "signing key": keys.of("jwt").hex(), "Bearer at v1": v1["access_token"],
            "Bearer at v1 refresh": v1["refresh_token"],
            "Bearer at chirpy refresh": chirpy["refresh_token"], "Bearer at cookie": given["cookie"],
            "Bearer at v2": given["api token"], "Bearer at mass": given["api token"], "cookie webadmin_session": given["session"],
            "cookie jwt": given["cookie"], "token in an address": given["api token"], "second factor": given["phone"].codes[0],
            "key of the app": given["phone"].app.secret, "set-up link": given["link"], "sign-in that waits": given["pending"], "known device": given["device"],
            "Bearer at chirpy": chirpy["token"]}      # the last: it changes the password
    doors = thief.doors()
    for name, secret in real.items():
        assert all(opens(secret) for door, opens in doors.items() if door == name or name.startswith("password") and door.startswith(name)), name
    assert doors["password of bob at the console"](PASSWORD) and not doors["Bearer at v1"](given["revoked"])
    untried = {door for door in doors if not door.startswith("password")} - set(real)
    assert untried == {"cookie webadmin_form", "Bearer at v1 logout", "Bearer at chirpy revoke"}
